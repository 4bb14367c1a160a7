// cbor.mjs: deterministic CBOR (RFC 8949 4.2.1), as far as manifests and keys need it; made for the tests, so
// that our C code is held against something that it did not write.

export class Tag {
  constructor(number, value) { Object.assign(this, { number, value }) }
}

function head(major, n) {
  const type = major << 5
  if (n < 24) return Buffer.from([type | Number(n)])
  if (n < 0x100) return Buffer.from([type | 24, Number(n)])
  if (n < 0x10000) return Buffer.from([type | 25, Number(n) >> 8, Number(n) & 255])
  if (n < 0x100000000) {
    const b = Buffer.alloc(5, type | 26)
    b.writeUInt32BE(Number(n), 1)
    return b
  }
  const b = Buffer.alloc(9, type | 27)
  b.writeBigUInt64BE(BigInt(n), 1)
  return b
}

/** number|bigint, Uint8Array, string, boolean, null, array, Map, Tag → bytes. */
export function encode(value) {
  if (value === null) return Buffer.from([0xf6])
  if (typeof value === 'boolean') return Buffer.from([value ? 0xf5 : 0xf4])
  if (typeof value === 'number' || typeof value === 'bigint') {
    return value >= 0 ? head(0, value) : head(1, typeof value === 'bigint' ? -1n - value : -1 - value)
  }
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value])
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(encode)])
  if (value instanceof Tag) return Buffer.concat([head(6, value.number), encode(value.value)])
  if (value instanceof Map) {
    const pairs = [...value].map(([k, v]) => [encode(k), encode(v)]).sort(([a], [b]) => Buffer.compare(a, b))
    return Buffer.concat([head(5, pairs.length), ...pairs.flat()])
  }
  throw new TypeError(`cannot encode ${value}`)
}

/** The value in all of `bytes`, in the same JS types. Throws on what it does not know and on trailing bytes. */
export function decode(bytes) {
  const [value, end] = item(Buffer.from(bytes), 0)
  if (end !== bytes.length) throw new Error('trailing bytes')
  return value
}

function item(b, at) {
  const major = b[at] >> 5
  const info = b[at] & 31
  if (major === 7) {
    const simple = { 20: false, 21: true, 22: null }
    if (!(info in simple)) throw new Error(`simple value ${info}`)
    return [simple[info], at + 1]
  }
  const width = { 24: 1, 25: 2, 26: 4, 27: 8 }[info] ?? 0
  if (info > 27) throw new Error('indefinite or reserved length')
  let n = width ? Number(BigInt('0x' + b.subarray(at + 1, at + 1 + width).toString('hex'))) : info
  at += 1 + width
  switch (major) {
    case 0: return [n, at]
    case 1: return [-1 - n, at]
    case 2: return [b.subarray(at, at + n), at + n]
    case 3: return [b.subarray(at, at + n).toString('utf8'), at + n]
    case 6: { const [value, end] = item(b, at); return [new Tag(n, value), end] }
  }
  const flat = []
  for (n = major === 5 ? 2 * n : n; n > 0; n--) {
    const [value, end] = item(b, at)
    flat.push(value)
    at = end
  }
  if (major === 4) return [flat, at]
  return [new Map(flat.filter((_, i) => i % 2 === 0).map((k, i) => [k, flat[2 * i + 1]])), at]
}
