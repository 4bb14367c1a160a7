// bit-rot-loops.mjs: who uses a gateway all the while, one turn after the other, and can be held between two turns.

export class Loops {
  #turns = new Set()
  #running = []
  #held // a promise, while they are
  #go = () => {}
  #stopped = false

  /** From now on `turn` is called again and again. It handles its own errors. */
  run(turn) { this.#running.push(this.#loop(turn)) }

  async #loop(turn) {
    while (!this.#stopped) {
      if (this.#held) {
        await this.#held
        continue
      }
      const now = turn()
      this.#turns.add(now)
      await now
      this.#turns.delete(now)
    }
  }

  /** Until each is between two turns, where it stays until the result is called, or all are stopped. */
  async hold() {
    this.#held = new Promise((resolve) => { this.#go = resolve })
    await Promise.all(this.#turns)
    return () => this.#letGo()
  }

  #letGo() {
    this.#held = undefined
    this.#go()
  }

  async stop() {
    this.#stopped = true
    this.#letGo()
    await Promise.all(this.#running)
  }
}
