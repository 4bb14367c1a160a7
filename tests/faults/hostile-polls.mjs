// hostile-polls.mjs: which poll of the daemon is this? Told from its requests alone.
//
// A poll begins by asking every provider for "latest". The ids of a daemon's calls rise in the order in which it makes them, and
// it makes none for a poll before the last one is over; requests of one poll may arrive in any order.

const isLatest = (call) => /^eth_get(Block|Header)ByNumber$/.test(call.method) && call.params?.[0] === 'latest'

export class Polls {
  /** `steady`: names of providers that are asked in every poll, since they never fail. */
  constructor(steady) {
    this.steady = steady
    this.number = 0
    this.asked = new Set() // of the present poll
    this.newest = {} // provider → id of its newest call for "latest"
    this.top = -1 // the highest id of all
  }

  /** Notes a request's calls. The result: { number, begins: does the request ask for "latest" for the first time }. */
  note(provider, calls) {
    const latest = calls.find(isLatest)
    const id = latest?.id ?? -1
    const begins = id > (this.newest[provider] ?? -1) // a call that is sent again keeps its id
    if (begins) this.#begin(provider, id)
    for (const call of calls) if (call.id > this.top) this.top = call.id
    return { number: this.number, begins }
  }

  #begin(provider, id) {
    const isComplete = this.steady.length > 0 && this.steady.every((name) => this.asked.has(name))
    const isRepeated = this.asked.has(provider) && (this.steady.length === 0 || this.steady.includes(provider))
    if (this.number === 0 || (id > this.top && (isComplete || isRepeated))) {
      this.number++
      this.asked.clear()
    }
    this.asked.add(provider)
    this.newest[provider] = id
  }
}
