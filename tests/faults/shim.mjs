// shim.mjs: steers shim.so (shim.h): which calls of which program fail, and what happened.
import { execFile } from 'node:child_process'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { program } from '../support/gateway.mjs'

const exec = promisify(execFile)

export const CLASSES = ['memory', 'open-read', 'open-write', 'read', 'write', 'sync', 'size', 'name', 'map', 'socket', 'connect', 'bind', 'accept',
  'send', 'receive', 'epoll', 'process', 'stat', 'random', 'copy-fd', 'lock', 'thread']
export const SLOTS = ['gatepostd', 'gatepost-keeper', 'gatepost-server', 'gatepost-keeper -P']
const MODES = { off: 0, record: 1, sweep: 2, stick: 3 }
const SHORT = 9999
const MIB = 2 ** 20, SLOT = 2 * MIB, DEPTH = 8, SITES = 12288, FIRED = 4096, MODULES = 64, PATH = 256

/** Offsets of shim.h's struct shim_slot. */
const at = {}
let end = 0
for (const [name, bytes] of [['mode', 8], ['classes', 8], ['pass', 8], ['gap_ms', 8], ['budget', 8], ['seed', 8], ['sample', 8], ['nth', 8], ['only', 8],
  ['error', 8 * CLASSES.length], ['path', PATH], ['pid', 8], ['starts', 8], ['seen', 8], ['fired_n', 8], ['last_ms', 8], ['live', 8], ['sites_n', 8],
  ['sites_lost', 8], ['calls', 8 * CLASSES.length], ['fired', 8 * FIRED], ['module', 64 * MODULES], ['site', SITES * (32 + 8 * DEPTH)]]) {
  at[name] = end
  end += bytes
}

/** What each class fails with, in the order of the passes. 'SHORT' does half of what was asked for. */
export const ERRORS = {
  memory: ['ENOMEM'], 'open-read': ['EMFILE', 'EIO'], 'open-write': ['ENOSPC', 'EROFS', 'EMFILE'], read: ['EIO', 'EINTR', 'SHORT'],
  write: ['ENOSPC', 'EIO', 'SHORT', 'EINTR'], sync: ['EIO', 'ENOSPC'], size: ['ENOSPC', 'EIO', 'EINTR'], name: ['EIO', 'ENOSPC', 'EROFS'], map: ['ENOMEM', 'EMFILE'],
  socket: ['EMFILE', 'ENOMEM'], connect: ['ENETUNREACH', 'EINTR'], bind: ['EADDRINUSE'], accept: ['EMFILE', 'EINTR', 'ECONNABORTED'],
  send: ['ENOBUFS', 'EINTR', 'SHORT'], receive: ['ENOMEM', 'EINTR', 'SHORT'], epoll: ['ENOMEM', 'EINTR'], process: ['EAGAIN'], stat: ['EIO'],
  random: ['EINTR', 'EIO'], 'copy-fd': ['EMFILE'], lock: ['EIO'], thread: ['EAGAIN'],
}
const numberOf = (name) => (name === 'SHORT' ? SHORT : constants.errno[name])
// SHORT means something only to calls with a size; elsewhere it is no errno.
const sized = new Set(['read', 'write', 'send', 'receive'])

export class Shim {
  constructor(file) {
    this.file = file
    this.fd = openSync(file, 'w+')
    writeSync(this.fd, Buffer.alloc(1), 0, 1, SLOT * SLOTS.length - 1)
    /** For startGateway's `host`. */
    this.host = { enter: ['env', `LD_PRELOAD=${program('tests/faults/shim.so')}`, `SHIM_FILE=${file}`] }
    this.pass = 0
  }

  close() { closeSync(this.fd) }

  get(slot, name, i = 0) {
    const b = Buffer.alloc(8)
    readSync(this.fd, b, 0, 8, SLOT * SLOTS.indexOf(slot) + at[name] + 8 * i)
    return Number(b.readBigInt64LE())
  }

  set(slot, name, value, i = 0) {
    const b = Buffer.alloc(8)
    b.writeBigInt64LE(BigInt(value))
    writeSync(this.fd, b, 0, 8, SLOT * SLOTS.indexOf(slot) + at[name] + 8 * i)
  }

  errors(slot, round) {
    CLASSES.forEach((c, i) => {
      const name = ERRORS[c][round % ERRORS[c].length]
      this.set(slot, 'error', numberOf(name === 'SHORT' && !sized.has(c) ? ERRORS[c][0] : name), i)
    })
  }

  /** Those that have an error for this round. */
  classesWith(round) { return CLASSES.filter((c) => ERRORS[c].length > round) }

  classes(list) { return list.reduce((mask, c) => mask | 1n << BigInt(CLASSES.indexOf(c)), 0n) }

  off(...slots) { for (const s of slots.length ? slots : SLOTS) this.set(s, 'mode', MODES.off) }

  record(...slots) {
    for (const s of slots.length ? slots : SLOTS) {
      this.set(s, 'classes', this.classes(CLASSES))
      this.set(s, 'mode', MODES.record)
    }
  }

  /** A new pass: every site may fail again, with the next error of its class. */
  nextPass() { this.pass++ }

  /** Fails sites that this pass has not failed yet: `sample` 4 is every fourth, chosen by the seed. */
  sweep(slot, { classes = CLASSES, gap_ms = 0, budget = 1e9, sample = 1, seed = 0, only = 0n, round = this.pass - 1 } = {}) {
    this.off(slot)
    this.errors(slot, round)
    const words = { classes: this.classes(classes), pass: this.pass, gap_ms, budget, sample, seed, only: BigInt.asIntN(64, only) }
    for (const [name, value] of Object.entries(words)) this.set(slot, name, value)
    this.set(slot, 'mode', MODES.sweep)
  }

  /** Fails every call of these classes below `path` with `error` (a name), from the nth on. */
  stick(slot, classes, error, { path = '', nth = 1 } = {}) {
    this.off(slot)
    const text = Buffer.alloc(PATH)
    text.write(path)
    writeSync(this.fd, text, 0, PATH, SLOT * SLOTS.indexOf(slot) + at.path)
    for (const c of classes) this.set(slot, 'error', numberOf(error), CLASSES.indexOf(c))
    this.set(slot, 'classes', this.classes(classes))
    this.set(slot, 'nth', nth)
    this.set(slot, 'seen', 0)
    this.set(slot, 'mode', MODES.stick)
  }

  fired(slot) { return this.get(slot, 'fired_n') }

  /** { class: calls } */
  calls(slot) { return Object.fromEntries(CLASSES.map((c, i) => [c, this.get(slot, 'calls', i)])) }

  site(slot, index) {
    const bytes = 32 + 8 * DEPTH, b = Buffer.alloc(bytes)
    readSync(this.fd, b, 0, bytes, SLOT * SLOTS.indexOf(slot) + at.site + index * bytes)
    return { slot, hash: b.readBigUInt64LE(0), count: Number(b.readBigUInt64LE(8)), pass: Number(b.readBigUInt64LE(16)), class: CLASSES[Number(b.readBigUInt64LE(24))],
      frames: Array.from({ length: DEPTH }, (_, i) => b.readBigUInt64LE(32 + 8 * i)).filter(Boolean) }
  }

  /** The site whose name matches; it was recorded before. */
  async findSite(slot, pattern) {
    for (const s of this.sites(slot)) if (pattern.test(await this.name(s))) return s
    throw new Error(`no site of ${slot} is like ${pattern}`)
  }

  sites(slot) { return Array.from({ length: SITES }, (_, i) => this.site(slot, i)).filter((s) => s.hash) }

  /** What failed, from the nth fault on. */
  faults(slot, from = 0) {
    const list = []
    for (let n = Math.max(from, this.fired(slot) - FIRED); n < this.fired(slot); n++) {
      const index = this.get(slot, 'fired', n % FIRED)
      if (index) list.push(this.site(slot, index - 1))
    }
    return list
  }

  module(slot, i) {
    const b = Buffer.alloc(64)
    readSync(this.fd, b, 0, 64, SLOT * SLOTS.indexOf(slot) + at.module + 64 * i)
    return b.toString('latin1', 0, b.indexOf(0))
  }

  /** The functions of a site, innermost first: "read_file io.c:30 < …". */
  async name(site) {
    const parts = []
    for (const f of site.frames) {
      const m = this.module(site.slot, Number(f >> 48n)), offset = f & ((1n << 48n) - 1n)
      if (!m.startsWith('gatepost')) { parts.push(m.replace(/\.so.*/, '')); continue }
      const { stdout } = await exec('addr2line', ['-f', '-s', '-e', program(m), `0x${(offset - 1n).toString(16)}`])
      parts.push(stdout.trim().replace('\n', ' '))
    }
    return `${site.slot} ${site.class}: ${parts.join(' < ')}`
  }
}
