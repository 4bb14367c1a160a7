// random.mjs: random numbers that are the same in every run, from a seed that a failing test can print.

/** A generator (xorshift64*): below(n), bytes(n), pick(list), bool(). */
export function random(seed) {
  let x = BigInt.asUintN(64, BigInt(seed) * 0x9e3779b97f4a7c15n) || 1n
  const next = () => {
    x ^= x >> 12n
    x = BigInt.asUintN(64, x ^ (x << 25n))
    x ^= x >> 27n
    return Number(BigInt.asUintN(64, x * 0x2545f4914f6cdd1dn) >> 32n)
  }
  const below = (n) => Math.floor((next() / 2 ** 32) * n)
  return {
    below,
    bool: () => below(2) === 1,
    pick: (list) => list[below(list.length)],
    bytes: (n) => Buffer.from(Array.from({ length: n }, () => below(256))),
  }
}
