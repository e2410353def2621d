# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
"""Card-verifiable certificates and authenticated requests: made, taken apart, and verified with python3-cryptography."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from card import Failure, check, find, parse, tlv

OID_ECDSA_SHA256 = bytes.fromhex("04007F00070202020203")
OID_ROLE = bytes.fromhex("2B0601040181C31F030101")

# Field prime, coefficients, base point, order (RFC 5639, 3.4; SEC 2, 2.4.2).
DOMAIN = {
    "brainpoolP256r1": (
        "A9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377",
        "7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9",
        "26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6",
        "048BD2AEB9CB7E57CB2C4B482FFC81B7AFB9DE27E1E3BD23C23A4453BD9ACE3262"
        "547EF835C3DAC4FD97F8461A14611DC9C27745132DED8E545C1D54C72F046997",
        "A9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7",
    ),
    "secp256r1": (
        "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF",
        "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC",
        "5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B",
        "046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
        "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5",
        "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
    ),
}
CURVE = {"brainpoolP256r1": ec.BrainpoolP256R1(), "secp256r1": ec.SECP256R1()}


def new_key(curve="brainpoolP256r1"):
    return ec.generate_private_key(CURVE[curve])


def point_of(key):
    numbers = key.public_key().public_numbers()
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def sign(key, data):
    """ECDSA with SHA-256, plain r || s."""
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(point, curve, signature, data):
    n = len(signature) // 2
    der = encode_dss_signature(int.from_bytes(signature[:n], "big"), int.from_bytes(signature[n:], "big"))
    public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE[curve], point)
    try:
        public.verify(der, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Failure("a signature does not verify") from None


def key_object(key, curve, full):
    """7F49: with the whole domain parameters, or with the point only."""
    body = tlv(0x06, OID_ECDSA_SHA256)
    if full:
        p, a, b, g, n = (bytes.fromhex(x) for x in DOMAIN[curve])
        body += tlv(0x81, p) + tlv(0x82, a) + tlv(0x83, b) + tlv(0x84, g) + tlv(0x85, n)
    body += tlv(0x86, point_of(key))
    if full:
        body += tlv(0x87, b"\x01")
    return tlv(0x7F49, body)


def key_template(curve, chr_):
    """The data of GENERATE ASYMMETRIC KEY PAIR."""
    p, a, b, g, n = (bytes.fromhex(x) for x in DOMAIN[curve])
    params = tlv(0x06, OID_ECDSA_SHA256) + tlv(0x81, p) + tlv(0x82, a) + tlv(0x83, b) + tlv(0x84, g) + tlv(0x85, n)
    return tlv(0x5F29, b"\x00") + tlv(0x7F49, params + tlv(0x87, b"\x01")) + tlv(0x5F20, chr_)


def certificate(issuer_name, issuer_key, name, key, rights, full=False):
    date = bytes([2, 6, 0, 1, 0, 1])
    body = tlv(0x7F4E, tlv(0x5F29, b"\x00") + tlv(0x42, issuer_name) + key_object(key, "brainpoolP256r1", full) +
               tlv(0x5F20, name) + tlv(0x7F4C, tlv(0x06, OID_ROLE) + tlv(0x53, bytes([rights]))) +
               tlv(0x5F25, date) + tlv(0x5F24, bytes([3, 6, 0, 1, 0, 1])))
    return tlv(0x7F21, body + tlv(0x5F37, sign(issuer_key, body)))


def request(name, key, curve, device_name, device_key):
    """An authenticated request, as a device makes it for a key of its own."""
    body = tlv(0x7F4E, tlv(0x5F29, b"\x00") + tlv(0x42, device_name) + key_object(key, curve, True) + tlv(0x5F20, name))
    signed = tlv(0x7F21, body + tlv(0x5F37, sign(key, body))) + tlv(0x42, device_name)
    return tlv(0x67, signed + tlv(0x5F37, sign(device_key, signed)))


class Certificate:
    """What a 7F21 says."""

    def __init__(self, whole):
        self.whole = whole
        self.contents = find(whole, 0x7F21)
        (tag, body, self.body), = [o for o in parse(self.contents) if o[0] == 0x7F4E]
        check(tag == 0x7F4E, "no body")
        self.chr = find(body, 0x5F20)
        self.car = find(body, 0x42)
        self.point = find(body, 0x7F49, 0x86)
        self.signature = find(self.contents, 0x5F37)

    def verify_under(self, point, curve="brainpoolP256r1"):
        verify(point, curve, self.signature, self.body)
