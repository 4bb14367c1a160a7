// suit.mjs: signing keys, COSE_Keys and signed manifests (chapter 3 of the design), by node:crypto and our test CBOR.
import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { Tag, encode } from './cbor.mjs'

const sha = (name, ...parts) => parts.reduce((h, p) => h.update(p), createHash(name)).digest()
export const sha256 = (bytes) => sha('sha256', bytes)

const KINDS = {
  es256: { alg: -7, kty: 2, crv: 1, make: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }) },
  es256k: { alg: -47, kty: 2, crv: 8, make: () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }) },
  ed25519: { alg: -8, kty: 1, crv: 6, make: () => generateKeyPairSync('ed25519') },
}

const ORDER_K = BigInt('0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')

/** A signing key: kind, coseKey (bytes as registered on chain), thumbprint (hex), pem (PKCS#8), sign(bytes). */
export function newSigner(kind = 'es256') {
  const { alg, kty, crv, make } = KINDS[kind]
  const { privateKey } = make()
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' })
  const members = [[1, kty], [-1, crv], [-2, Buffer.from(jwk.x, 'base64url')]]
  if (jwk.y) members.push([-3, Buffer.from(jwk.y, 'base64url')])
  const coseKey = encode(new Map(members))
  return {
    kind,
    alg,
    coseKey,
    thumbprint: sha256(coseKey).toString('hex'), // RFC 9679: these members are the required ones
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    sign(bytes) {
      if (kind === 'ed25519') return sign(null, bytes, privateKey)
      const signature = sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return kind === 'es256k' ? lowS(signature) : signature
    },
  }
}

/** The one of the two ES256K signatures that counts. */
export function lowS(signature) {
  const s = BigInt('0x' + signature.subarray(32).toString('hex'))
  return s > ORDER_K / 2n ? otherS(signature) : signature
}

/** (r, s) → (r, n − s). */
export function otherS(signature) {
  const s = ORDER_K - BigInt('0x' + signature.subarray(32).toString('hex'))
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])
}

const DNS = Buffer.from('6ba7b8109dad11d180b400c04fd430c8', 'hex')

/** UUIDv5 (RFC 9562 5.5). */
export function uuid5(namespace, name) {
  const id = sha('sha1', namespace, Buffer.from(name)).subarray(0, 16)
  id[6] = (id[6] & 0x0f) | 0x50
  id[8] = (id[8] & 0x3f) | 0x80
  return id
}

const wrap = (value) => encode(value) // bytes that stand in a bstr

/**
 * The unsigned manifest's bytes. image: { sha256: bytes, size, cid: text }. `edit` may change the Map before it
 * is encoded, for tests of what a reader refuses.
 */
export function makeManifest({
  product, sequence, version, image, channel, fromSequence, hardware, urgent, description, policy = 15, edit,
}) {
  const [vendor, model] = product.split('/')
  const vendorId = uuid5(DNS, vendor)
  const text = new Map([[6, version]])
  if (description !== undefined) text.set(5, description)
  if (channel !== undefined) text.set(-256, channel)
  if (fromSequence !== undefined) text.set(-257, fromSequence)
  if (hardware !== undefined) text.set(-258, hardware)
  if (urgent !== undefined) text.set(-259, urgent)
  const component = [Buffer.from(vendor), Buffer.from(model)]
  const shared = [20, new Map([
    [1, vendorId], [2, uuid5(vendorId, model)], [3, wrap([-16, image.sha256])], [14, image.size],
  ]), 1, policy, 2, policy]
  const manifest = new Map([
    [1, 1], [2, sequence],
    [3, wrap(new Map([[2, [component]], [4, wrap(shared)]]))],
    [7, wrap([3, policy])],
    [20, wrap([20, new Map([[21, `ipfs://${image.cid}`]]), 21, 2, 3, policy])],
    [23, wrap(new Map([['en', new Map([[component, text]])]]))],
  ])
  edit?.(manifest)
  return encode(manifest)
}

/** One signature as an element of the authentication list. */
export function makeSignature(digest, signer, { kid = true } = {}) {
  const body = encode(new Map([[1, signer.alg]]))
  const toSign = encode(['Signature1', body, Buffer.alloc(0), digest])
  const unprotected = new Map(kid ? [[4, Buffer.from(signer.thumbprint, 'hex').subarray(0, 8)]] : [])
  return encode(new Tag(18, [body, unprotected, null, signer.sign(toSign)]))
}

/** The signed envelope: what `publish` takes. */
export function makeEnvelope(manifest, signers, options) {
  const digest = encode([-16, sha256(encode(manifest))])
  const signatures = signers.map((s) => makeSignature(digest, s, options))
  return encode(new Tag(107, new Map([[2, encode([digest, ...signatures])], [3, manifest]])))
}
