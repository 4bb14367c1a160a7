// shim.mjs: steers shim.so (shim.h): which calls of which program fail, and what happened.
import { execFile } from 'node:child_process'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { program } from '../support/gateway.mjs'

const exec = promisify(execFile)

export const CLASSES = ['memory', 'open-read', 'open-write', 'read', 'write', 'sync', 'size', 'name', 'map', 'socket', 'connect', 'bind', 'accept',
  'send', 'receive', 'epoll', 'process', 'stat', 'random', 'copy-fd', 'lock', 'thread', 'directory', 'option', 'wait', 'sandbox']
export const SLOTS = ['gatepostd', 'gatepost-keeper', 'gatepost-server', 'gatepost-keeper -P']
const MODES = { off: 0, record: 1, sweep: 2, stick: 3 }
const SHORT = 9999
const MIB = 2 ** 20, SLOT = 2 * MIB, DEPTH = 8, SITES = 12288, FIRED = 4096, MODULES = 64, PATH = 256, CRASHES = 16, KINDS = 16
const CRASH_DEPTH = 32, SITE = 40 + 8 * DEPTH, CRASH = 16 + 8 * CRASH_DEPTH

/** Offsets of shim.h's struct shim_slot. */
const at = {}
let end = 0
for (const [name, bytes] of [['mode', 8], ['classes', 8], ['pass', 8], ['gap_ms', 8], ['budget', 8], ['seed', 8], ['sample', 8], ['nth', 8], ['only', 8], ['track', 8],
  ['error', 8 * CLASSES.length], ['path', PATH], ['pid', 8], ['starts', 8], ['seen', 8], ['fired_n', 8], ['last_ms', 8], ['sites_n', 8],
  ['sites_lost', 8], ['blocks_lost', 8], ['crashes_n', 8], ['ended', 8], ['calls', 8 * CLASSES.length], ['fired', 8 * FIRED], ['open', 8 * KINDS],
  ['crash', CRASHES * CRASH], ['module', 64 * MODULES], ['site', SITES * SITE]]) {
  at[name] = end
  end += bytes
}

/** What each class fails with, in the order of the passes. 'SHORT' does half of what was asked for. */
export const ERRORS = {
  memory: ['ENOMEM'], 'open-read': ['EMFILE', 'EIO'], 'open-write': ['ENOSPC', 'EROFS', 'EMFILE'], read: ['EIO', 'EINTR', 'SHORT'],
  write: ['ENOSPC', 'EIO', 'SHORT', 'EINTR'], sync: ['EIO', 'ENOSPC'], size: ['ENOSPC', 'EIO', 'EINTR'], name: ['EIO', 'ENOSPC', 'EROFS'], map: ['ENOMEM', 'EMFILE'],
  socket: ['EMFILE', 'ENOMEM'], connect: ['ENETUNREACH', 'EINTR'], bind: ['EADDRINUSE'], accept: ['EMFILE', 'EINTR', 'ECONNABORTED'],
  send: ['ENOBUFS', 'EINTR', 'SHORT'], receive: ['ENOMEM', 'EINTR', 'SHORT'], epoll: ['ENOMEM', 'EINTR'], process: ['EAGAIN'], stat: ['EIO'],
  random: ['EINTR', 'EIO'], 'copy-fd': ['EMFILE'], lock: ['EIO', 'ENOLCK'], thread: ['EAGAIN'],
  directory: ['EIO', 'ENOMEM'], option: ['ENOBUFS'], wait: ['EINTR'], sandbox: ['ENOMEM'],
}
const numberOf = (name) => (name === 'SHORT' ? SHORT : constants.errno[name])
// SHORT means something only to calls with a size; elsewhere it is no errno.
const sized = new Set(['read', 'write', 'send', 'receive'])

const framesIn = (b, at, depth = DEPTH) => Array.from({ length: depth }, (_, i) => b.readBigUInt64LE(at + 8 * i)).filter(Boolean)

/** What a site is called in sets. */
export const keyOf = ({ slot, hash }) => `${slot} ${hash}`
/** What one life of a program is called in sets. */
export const lifeOf = ({ slot, life }) => `${slot} ${life}`
/** Which of so many lanes a site with this key is for; a hash is the same for each shim with the same programs. */
export const laneOf = (key, lanes) => Number(BigInt(key.split(' ').at(-1)) % BigInt(lanes))

export class Shim {
  constructor(file) {
    this.file = file
    this.fd = openSync(file, 'w+')
    writeSync(this.fd, Buffer.alloc(1), 0, 1, SLOT * SLOTS.length - 1)
    /** For startGateway's `host`. */
    this.host = { enter: ['env', `LD_PRELOAD=${program('tests/faults/shim.so')}`, `SHIM_FILE=${file}`] }
    this.pass = 0
    this.known = new Map()
    /** Where modules lie that are no program of ours: { name: file }. */
    this.programs = {}
    for (const slot of SLOTS) this.set(slot, 'track', 1)
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

  bytes(slot, name, bytes, i = 0) {
    const b = Buffer.alloc(bytes)
    readSync(this.fd, b, 0, bytes, SLOT * SLOTS.indexOf(slot) + at[name] + i)
    return b
  }

  static #site(slot, index, b) {
    const words = Array.from({ length: 5 }, (_, i) => b.readBigUInt64LE(8 * i))
    return { slot, index, hash: words[0], count: Number(words[1]), pass: Number(words[2]), class: CLASSES[Number(words[3])], held: Number(words[4]), frames: framesIn(b, 40) }
  }

  site(slot, index) { return Shim.#site(slot, index, this.bytes(slot, 'site', SITE, index * SITE)) }

  /** The site whose name matches; it was recorded before. */
  async findSite(slot, pattern) {
    for (const s of this.sites(slot)) if (pattern.test(await this.name(s))) return s
    throw new Error(`no site of ${slot} is like ${pattern}`)
  }

  sites(slot) {
    const all = this.bytes(slot, 'site', SITES * SITE)
    return Array.from({ length: SITES }, (_, i) => Shim.#site(slot, i, all.subarray(i * SITE, i * SITE + SITE))).filter((s) => s.hash)
  }

  /** How often each site was met so far, by key. */
  counts() { return new Map(SLOTS.flatMap((slot) => this.sites(slot)).map((s) => [keyOf(s), s.count])) }

  /** This site may fail again in this pass. */
  forget(site) { this.#passed(site, 0) }

  /** It counts as one that has failed in this pass. */
  spend(site) { this.#passed(site, this.pass) }

  #passed(site, pass) {
    const b = Buffer.alloc(8)
    b.writeBigUInt64LE(BigInt(pass))
    writeSync(this.fd, b, 0, 8, SLOT * SLOTS.indexOf(site.slot) + at.site + site.index * SITE + 16)
  }

  /** What failed, from the nth fault on: sites, and in which life of the program. */
  faults(slot, from = 0) {
    const list = []
    for (let n = Math.max(from, this.fired(slot) - FIRED); n < this.fired(slot); n++) {
      const index = this.get(slot, 'fired', n % FIRED), life = Math.floor(index / 2 ** 32), site = index % 2 ** 32
      if (site) list.push({ ...this.site(slot, site - 1), life })
    }
    return list
  }

  /** Which life the program is in, or was in last, from 1 on. */
  life(slot) { return this.get(slot, 'starts') }

  /** Signals of their own making that ended processes, from the nth on: { life, signal, frames }. */
  crashes(slot, from = 0) {
    const list = []
    for (let n = Math.max(from, this.get(slot, 'crashes_n') - CRASHES); n < this.get(slot, 'crashes_n'); n++) {
      const b = this.bytes(slot, 'crash', CRASH, n % CRASHES * CRASH)
      list.push({ slot, life: Number(b.readBigUInt64LE(0)), signal: Number(b.readBigUInt64LE(8)), frames: framesIn(b, 16, CRASH_DEPTH) })
    }
    return list
  }

  /** What the last life that ended by exit() held then: { life, blocks: sites with `held`, descriptors: of each kind (st_mode >> 12) }. */
  end(slot) {
    const open = this.bytes(slot, 'open', 8 * KINDS)
    return { life: this.get(slot, 'ended'), blocks: this.sites(slot).filter((s) => s.held),
      descriptors: Array.from({ length: KINDS }, (_, i) => Number(open.readBigUInt64LE(8 * i))) }
  }

  module(slot, i) {
    const b = Buffer.alloc(64)
    readSync(this.fd, b, 0, 64, SLOT * SLOTS.indexOf(slot) + at.module + 64 * i)
    return b.toString('latin1', 0, b.indexOf(0))
  }

  /** "read_file io.c:30" of each address in a program, asked for together. */
  async #lines(file, offsets) {
    const unknown = offsets.filter((o) => !this.known.has(`${file} ${o}`))
    if (unknown.length) {
      const { stdout } = await exec('addr2line', ['-f', '-s', '-e', file, ...unknown.map((o) => `0x${(o - 1n).toString(16)}`)])
      const lines = stdout.trim().split('\n')
      unknown.forEach((o, i) => this.known.set(`${file} ${o}`, `${lines[2 * i]} ${lines[2 * i + 1]}`))
    }
    return offsets.map((o) => this.known.get(`${file} ${o}`))
  }

  /** The functions of a stack, innermost first: "read_file io.c:30 < …". */
  async stack({ slot, frames }) {
    const at = frames.map((f) => ({ module: this.module(slot, Number(f >> 48n)), offset: f & ((1n << 48n) - 1n) }))
    const fileOf = (m) => this.programs[m] ?? (m.startsWith('gatepost') ? program(m) : undefined)
    const own = at.filter(({ module }) => fileOf(module))
    const lines = own.length ? await this.#lines(fileOf(own[0].module), own.map((f) => f.offset)) : []
    return at.map(({ module }) => (fileOf(module) ? lines.shift() : module.replace(/\.so.*/, ''))).join(' < ')
  }

  async name(site) { return `${site.slot} ${site.class}: ${await this.stack(site)}` }
}
