// kill-truth.mjs: what is true of a gateway that is killed again and again. The publisher writes down what it does before it does it
// (Truth); what one gateway shows and acknowledges is held against that and against what it showed before (Witness).
//
// `lost`: it was acknowledged and is not there. `wrong`: a complete reply that cannot be right. `hands`: it did not come back by itself.
// Moments are counted, not timed: a reply is judged by what was known when its question was asked.
import { createHash } from 'node:crypto'

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
const key = (product, sequence) => `${product} ${sequence}`
const FINAL_BEHIND = 2 // anvil.mjs: what is final is two blocks behind
const SHOWN_MAX = 20 // so many sequences below the newest one that was shown are remembered

export class Truth {
  #releases = new Map()
  #digests = new Map()
  /** The newest block that there can be. */
  block = 0

  /** What is about to be published; its block is the next one. */
  publishes(release) {
    const known = { ...release, block: ++this.block, isRevoked: false }
    this.#releases.set(key(release.product, release.sequence), known)
    this.#digests.set(release.sha256, known)
  }
  revokes(product, sequence) {
    this.block++
    this.of(product, sequence).isRevoked = true
  }
  of(product, sequence) { return this.#releases.get(key(product, sequence)) }
  byDigest(digest) { return this.#digests.get(digest) }
  all() { return [...this.#releases.values()] }
  mayBeFinal(release) { return release.block + FINAL_BEHIND <= this.block }
}

/** What somebody said of one thing: the last word that was acknowledged, and every later one whose answer never came. Any of them may hold. */
class Said {
  words = new Set()
  last // of them, whether or not it was acknowledged
  #now
  #at
  constructor(word, now) {
    this.words.add(word)
    this.#now = now
    this.#at = now()
  }
  /** It is about to be said; the result is called when it was acknowledged. */
  say(word) {
    this.words.add(word)
    this.last = word
    this.#at = this.#now()
    return () => { this.words = new Set([word]); this.#at = this.#now() }
  }
  /** What must hold; undefined when nobody can know. */
  get only() { return this.words.size === 1 ? [...this.words][0] : undefined }
  /** Nothing was said or answered since: what was asked for then can be judged. */
  isSince(moment) { return this.#at < moment }
}

/** Findings, each with what was going on when it was made. */
class Findings extends Array {
  #context
  constructor(context) {
    super()
    this.#context = context
  }
  static get [Symbol.species]() { return Array }
  push(text) { return super.push(`${text}\n${this.#context()}`) }
}

export class Witness {
  lost
  wrong
  hands = []
  counts = { offers: 0, bytes: 0, reads: 0, cut: 0, tooEarly: 0, reports: 0, words: 0, looks: 0,
    // by who asked; of these turns something came that could be judged
    manifests: 0, images: 0, parts: 0, blocks: 0, overCoap: 0, asDevices: 0, reported: 0, operator: 0,
    // words that were acknowledged, by kind
    approve: 0, hold: 0, pin: 0, unpin: 0, token: 0, revoke: 0,
    // how often one was looked for, and judged
    seenDecisions: 0, seenPins: 0, seenTokens: 0, seenReports: 0 }
  #truth
  #approved
  #moment = 0
  #shown = new Map() // product → sequence → moment
  #withdrawn = new Map() // product and sequence → moment
  #decisions = new Map() // product and sequence → Said 'approve' or 'hold'
  #pins = new Map()
  #tokens = new Map() // name → { said: 'there' or 'revoked', text }
  #reports = new Map() // device → { said, product, floor }
  #unchecked = new Set()
  #states = new Map()

  /** `approved`: products that the operator's word is needed for; `context`: what belongs to a finding, as text. */
  constructor(truth, approved, context = () => '') {
    this.#truth = truth
    this.lost = new Findings(context)
    this.wrong = new Findings(context)
    this.#approved = new Set(approved)
  }

  /** To be asked for before a request is sent, and given with what came back. */
  now() { return ++this.#moment }

  /** Could anything that happened since have taken it away? */
  #isExcused(product, sequence) {
    return this.#truth.of(product, sequence).isRevoked || this.#decisions.get(key(product, sequence))?.words.has('hold')
  }

  /** … and for good? A hold is, unless an approval is on its way: until that counts, what a start offers first, of the last run, may go once more. */
  #isOver(product, sequence) {
    const said = this.#decisions.get(key(product, sequence))
    return this.#truth.of(product, sequence).isRevoked || (said?.words.has('hold') && said.last === 'hold')
  }

  /** Seen before, gone now, and for a reason that lasts. */
  #withdraw(product, below, since) {
    for (const [sequence, at] of this.#shown.get(product) ?? [])
      if (sequence > below && at < since && this.#isOver(product, sequence) && !this.#withdrawn.has(key(product, sequence)))
        this.#withdrawn.set(key(product, sequence), this.now())
  }

  /** What was offered when `since` was asked must be offered still, or something newer. */
  #mustNotLack(product, above, since, list, what) {
    for (const [sequence, at] of this.#shown.get(product) ?? [])
      if (sequence > above && at < since && !this.#isExcused(product, sequence)) list.push(`${what}, and ${sequence} was active before`)
  }

  /** It answered with this release to somebody who did not say who it is (or did: then nothing newer need be there for it, but nothing older
   * than what it had reported before it asked). */
  offers(product, sequence, since, { device } = {}) {
    const release = this.#truth.of(product, sequence)
    const what = `${product} ${sequence} was offered${device ? ` to ${device}` : ''}`
    this.counts.offers++
    if (!release) return this.wrong.push(`${what}, which was never published`)
    if (!this.#truth.mayBeFinal(release)) this.wrong.push(`${what} before it was final`)
    if (this.#approved.has(product) && !this.#decisions.has(key(product, sequence))) this.wrong.push(`${what} and never approved`)
    if (this.#withdrawn.get(key(product, sequence)) < since) this.wrong.push(`${what} after it was withdrawn`)
    if (device) {
      const { floor = 0, floorAt } = this.#reports.get(device) ?? {}
      if (sequence < floor && floorAt < since) this.wrong.push(`${what}, which had reported ${floor}`)
      return
    }
    this.#mustNotLack(product, sequence, since, this.wrong, what)
    this.#withdraw(product, sequence, since)
    const shown = this.#shown.get(product) ?? new Map()
    if (!shown.has(sequence)) shown.set(sequence, this.now())
    for (const old of shown.keys()) if (old < sequence - SHOWN_MAX) shown.delete(old)
    this.#shown.set(product, shown)
  }

  /** It had nothing to offer. */
  offersNothing(product, why, since) {
    this.#mustNotLack(product, 0, since, this.lost, `${product}: nothing was offered (${why})`)
    this.#withdraw(product, 0, since)
  }

  /** A complete reply with bytes [from, …) of the image that it names by its digest. Gives the release. */
  bytes(digest, bytes, from, what) {
    const release = this.#truth.byDigest(digest)
    this.counts.reads++
    this.counts.bytes += bytes.length
    if (!release) return void this.wrong.push(`${what}: nobody published ${digest}`)
    if (!release.image.subarray(from, from + bytes.length).equals(bytes)) this.wrong.push(`${what}: not the bytes of ${digest} from ${from} on`)
    return release
  }

  /** It said that the image is revoked for good. */
  isGone(digest) {
    if (!this.#truth.byDigest(digest).isRevoked) this.lost.push(`${digest} is said to be revoked`)
  }

  status(status, what) {
    if (status >= 500 && status !== 503) this.wrong.push(`${what}: status ${status}`)
  }

  // --- words ---

  /** Counts it once it was acknowledged. */
  #told(said, word, as = word) {
    const done = said.say(word)
    return () => { this.counts[as]++; done() }
  }

  decides(product, sequence, word) {
    const name = key(product, sequence)
    this.counts.words++
    if (word === 'approve') { // from now on it may come back, and must be seen before anybody can miss it
      this.#withdrawn.delete(name)
      this.#shown.get(product)?.delete(sequence)
    }
    if (!this.#decisions.has(name)) this.#decisions.set(name, new Said('none', () => this.now()))
    return this.#told(this.#decisions.get(name), word)
  }
  decided(product, sequence) { return this.#decisions.get(key(product, sequence)) }
  pins(product, word) {
    this.counts.words++
    if (!this.#pins.has(product)) this.#pins.set(product, new Said('unpin', () => this.now()))
    return this.#told(this.#pins.get(product), word)
  }
  /** `text` is what the acknowledgement brought. */
  tokens(name, word) {
    this.counts.words++
    const token = this.#tokens.get(name) ?? { said: new Said('none', () => this.now()) }
    this.#tokens.set(name, token)
    const done = this.#told(token.said, word, word === 'there' ? 'token' : 'revoke')
    return (text) => { token.text ??= text; done() }
  }
  /** Tokens that must work, or must not. Those that must not are asked about once. */
  knownTokens() {
    const known = [...this.#tokens].filter(([, { text, said }]) => text && said.only).map(([name, { text }]) => ({ name, text }))
    return known
  }
  seesToken(name, works, since) {
    const { said } = this.#tokens.get(name)
    if (!said.only || !said.isSince(since)) return
    this.counts.seenTokens++
    if (works !== (said.only === 'there')) this.lost.push(`token ${name} (${said.only}) ${works ? 'works' : 'does not work'}`)
    if (said.only === 'revoked') this.#tokens.delete(name)
  }
  reports(device, { product, sequence, state }) {
    this.counts.reports++
    const known = this.#reports.get(device) ?? { said: new Said('none', () => this.now()), product, floor: 0 }
    this.#reports.set(device, known)
    const done = known.said.say(`${sequence} ${state}`)
    return () => {
      done()
      this.#unchecked.add(device)
      if (state !== 'failed' && sequence > known.floor) Object.assign(known, { floor: sequence, floorAt: this.now() })
    }
  }
  /** The devices that ever reported, the newest last. */
  devices() { return [...this.#reports.keys()] }
  /** Those whose acknowledged reports have not been asked for since. */
  unchecked() {
    const devices = [...this.#unchecked]
    this.#unchecked.clear()
    return devices
  }
  deviceProduct(device) { return this.#reports.get(device)?.product }
  /** Those that have what was revoked since, the newest last: they must not be offered what is left. */
  devicesOfRevoked() {
    return [...this.#reports].filter(([, { product, floor }]) => this.#truth.of(product, floor)?.isRevoked).map(([device]) => device)
  }

  // --- what the API shows ---

  seesDevice(device, row, since) {
    const { said } = this.#reports.get(device)
    if (said.words.has('none') || !said.isSince(since)) return
    this.counts.seenReports++
    if (!row || !said.words.has(`${row.sequence} ${row.state}`))
      this.lost.push(`report of ${device}: ${[...said.words].join(' or ')}, but ${row ? `${row.sequence} ${row.state}` : 'no such device'}`)
  }
  /** `since`: when the list was asked for. */
  seesReleases(list, since) {
    const rows = new Map(list.map((row) => [key(row.product, row.sequence), row]))
    for (const [name, before] of this.#states) this.#seesRelease(name, rows.get(name), before, since)
    for (const [name, row] of rows) {
      const release = this.#truth.of(row.product, row.sequence)
      if (!release || release.sha256 !== row.sha256) this.wrong.push(`${name} is not what was published`)
      else if (row.state === 'active') this.#seesActive(name, row, release, since)
      this.#states.set(name, row.state)
    }
  }
  #seesActive(name, row, release, since) {
    if (!this.#truth.mayBeFinal(release)) this.wrong.push(`${name} is active and not final`)
    this.#mustNotLack(row.product, row.sequence, since, this.wrong, `${name} is active`)
  }
  #seesRelease(name, row, before, since) {
    if (!row) return this.lost.push(`${name} was ${before} and is not known any more`)
    if (before === 'revoked' && row.state !== 'revoked') this.wrong.push(`${name} was revoked and is ${row.state}`)
    if (['ready', 'active'].includes(before) && ['seen', 'fetching', 'failed', 'rejected', 'evicted'].includes(row.state))
      this.lost.push(`${name} was ${before} and is ${row.state}: ${row.why}`)
    const said = this.#decisions.get(name), word = said?.isSince(since) ? said.only : undefined
    if (row.state === 'revoked' || row.why.startsWith('a revocation is proven')) return
    if (word === 'hold' || word === 'approve') this.counts.seenDecisions++
    if (word === 'hold' && row.why !== 'held by the operator') this.lost.push(`hold of ${name}: it is ${row.state}: ${row.why}`)
    if (word === 'approve' && row.state === 'held') this.lost.push(`approval of ${name}: it is held: ${row.why}`)
  }
  seesProducts(list, since) {
    for (const { product, pinned } of list) {
      const said = this.#pins.get(product), word = said?.only
      if (!word || !said.isSince(since)) continue
      this.counts.seenPins++
      if (pinned !== (word === 'pin')) this.lost.push(`${word} of ${product}`)
    }
  }
}
