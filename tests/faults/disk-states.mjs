// disk-states.mjs: from a recorder's log (recorder.c) to what a disk may hold after a power cut.
//
// What is modelled: a file's bytes are on disk once that file was synced (fsync or fdatasync), a name once its directory was. Of what was
// not, anything may be there or not, each page and each name for itself; a rename is both names or neither. The kinds of states:
//	synced    only what was synced: nothing else made it (the weakest file system that POSIX allows)
//	whole     everything made it (a kill, not a cut: the disk's own order was the calls' order)
//	names     of the names that were not synced some; no unsynced bytes: so also a rename without the data
//	bare      all names, no unsynced bytes
//	tails     all names, all sizes, zeros where bytes were not synced (XFS, ext4 data=writeback, f2fs)
//	pages     any of the names; of each 4 KiB page any version since the last sync; any size since then
//	sectors   the same with 512 bytes
//	torn4k    the write that was under way when the power went: its first pages; the rest as `pages` or `whole`
//	torn512   the same with sectors
//	subset    of all calls that were not synced, if there are few, exactly those that the seed's bits name; what is below LOOSE, as the seed has it
//	ext4      data=ordered: names and sizes as they were at one moment since the last sync of any file, for all files together;
//	          bytes before the sizes that need them (delayed: a size may lag); pages that were overwritten in any version
// Not modelled: a disk that lies about a sync, bytes that rot (another tier), a sector that is half written, lost directories.
import { createHash } from 'node:crypto'

const OPS = [null, 'create', 'truncate', 'write', 'allocate', 'sync', 'mkdir', 'rename', 'link', 'unlink', 'sent', 'told']
const RECORD = 32
const SUBSET_MAX = 20
// The second copy of what the chain cannot tell. Nothing of it is synced while commits go on, so that most of what a disk lacks at any time is its calls:
// it is any version beside each state of the rest, and no state of its own.
const LOOSE = 'own'
const isLoose = (path) => path === LOOSE || path.startsWith(`${LOOSE}/`)
export const LOG_HEAD = 32
export const KINDS = ['synced', 'whole', 'names', 'bare', 'tails', 'pages', 'sectors', 'torn4k', 'torn512', 'subset', 'ext4']

/** The log so far, in order: [{ op, ino, a, b, text, bytes, end }]; `end`: where in the log it ends. Throws for one that was written over. */
export function readLog(log) {
  const used = Number(log.readBigUInt64LE(8)), records = []
  for (let at = LOG_HEAD; at < used;) {
    const length = log.readUInt32LE(at), textEnd = at + RECORD + log.readUInt16LE(at + 6)
    if (!OPS[log[at + 4]] || length < textEnd - at || at + length > used) throw new Error(`no record at ${at} of ${used}`)
    const [ino, a, b] = [8, 16, 24].map((n) => Number(log.readBigUInt64LE(at + n)))
    records.push({ op: OPS[log[at + 4]], ino, a, b, text: log.toString('latin1', at + RECORD, textEnd), bytes: log.subarray(textEnd, at + length), end: at + length })
    at += length
  }
  return records
}

/** A record as recorder.c writes it. */
export function makeRecord({ op, ino = 0, a = 0, b = 0, text = '', bytes = Buffer.alloc(0) }) {
  const length = Math.ceil((RECORD + text.length + bytes.length) / 8) * 8, out = Buffer.alloc(length)
  out.writeUInt32LE(length)
  out[4] = OPS.indexOf(op)
  out.writeUInt16LE(text.length, 6)
  for (const [i, n] of [ino, a, b].entries()) out.writeBigUInt64LE(BigInt(n), 8 + 8 * i)
  out.write(text, RECORD, 'latin1')
  bytes.copy(out, RECORD + text.length)
  return out
}

/** Numbers below n from a 32-bit seed; many a state. */
function quick(seed) {
  let a = seed >>> 0
  return (n) => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % n
  }
}

// --- bytes ---

function resized(bytes, size) {
  if (size <= bytes.length) return bytes.subarray(0, size)
  return Buffer.concat([bytes, Buffer.alloc(size - bytes.length)])
}

const sizeAfter = (size, op) => op.op === 'truncate' ? op.size : Math.max(size, op.at + (op.op === 'write' ? op.bytes.length : op.n))

function apply(bytes, op) {
  const out = resized(bytes, sizeAfter(bytes.length, op))
  if (op.op !== 'write') return out
  const copy = Buffer.from(out)
  op.bytes.copy(copy, op.at)
  return copy
}

/** All of them: one copy. */
function applyAll(bytes, ops) {
  let size = bytes.length, room = size
  for (const op of ops) room = Math.max(room, size = sizeAfter(size, op))
  const out = Buffer.alloc(room)
  bytes.copy(out)
  size = bytes.length
  for (const op of ops) {
    if (op.op === 'truncate' && op.size < size) out.fill(0, op.size, size)
    if (op.op === 'write') op.bytes.copy(out, op.at)
    size = sizeAfter(size, op)
  }
  return out.subarray(0, size)
}

/** Of each unit any version since the sync, of the sizes any. */
function scattered(file, unit, below) {
  const sizes = [file.bytes.length]
  for (const op of file.pending) sizes.push(sizeAfter(sizes.at(-1), op))
  const out = Buffer.alloc(Math.max(...sizes)), left = new Map(), touches = new Map()
  file.bytes.copy(out)
  const units = (op, fn) => {
    const from = op.op === 'write' ? op.at : op.size, to = op.op === 'write' ? op.at + op.bytes.length : out.length
    if (op.op !== 'allocate') for (let u = Math.floor(from / unit); u * unit < to; u++) fn(u, Math.max(from, u * unit), Math.min(to, (u + 1) * unit))
  }
  for (const op of file.pending) units(op, (u) => touches.set(u, (touches.get(u) ?? 0) + 1))
  for (const op of file.pending) {
    units(op, (u, from, to) => {
      if (!left.has(u)) left.set(u, below(touches.get(u) + 1))
      const n = left.get(u)
      if (n > 0) op.op === 'write' ? op.bytes.copy(out, from, from - op.at, to - op.at) : out.fill(0, from, to)
      left.set(u, n - 1)
    })
  }
  const size = [sizes[0], sizes.at(-1), sizes[below(sizes.length)]][below(3)]
  return resized(out, size)
}

// --- names ---

const nameOps = {
  put: (map, { name, file }) => map.set(name, file),
  del: (map, { name, file }) => { if (map.get(name) === file) map.delete(name) },
  move: (map, { from, name, file }) => { if (map.get(from) === file) map.delete(from); map.set(name, file) },
}
const named = (names, ops) => {
  const map = new Map(names)
  for (const op of ops) nameOps[op.what](map, op)
  return map
}

// --- the disk while the log goes by ---

class Disk {
  constructor(rootIno) {
    this.root = { names: new Map(), pending: [] }
    this.byIno = new Map([[rootIno, this.root]])
    this.n = 0 // records so far
    this.synced = 0 // and up to the last sync of any file
  }

  #name(dir, op) {
    if (dir?.names) dir.pending.push({ ...op, i: this.n })
  }

  #both(record, what) {
    const [from, name] = record.text.split('/'), a = this.byIno.get(record.ino), b = this.byIno.get(record.a), file = this.byIno.get(record.b)
    if (!file) return
    if (what === 'link') this.#name(b, { what: 'put', name, file })
    else if (a === b) this.#name(a, { what: 'move', from, name, file })
    else {
      this.#name(b, { what: 'put', name, file })
      this.#name(a, { what: 'del', name: from, file })
    }
  }

  #make(record, file) {
    if (!this.byIno.get(record.ino)?.names) return
    this.byIno.set(record.a, file)
    this.#name(this.byIno.get(record.ino), { what: 'put', name: record.text, file })
  }

  /** The bytes' op of a record, or undefined: not of a file here. */
  bytesOp(record) {
    if (!this.byIno.get(record.ino)?.bytes) return undefined
    if (record.op === 'truncate') return { op: 'truncate', size: record.a, i: this.n }
    if (record.op === 'allocate') return { op: 'allocate', at: record.a, n: record.b, i: this.n }
    return record.op === 'write' ? { op: 'write', at: record.a, bytes: record.bytes.subarray(0, record.b), i: this.n } : undefined
  }

  take(record) {
    const it = this.byIno.get(record.ino), op = this.bytesOp(record)
    if (op) it.pending.push(op)
    else if (record.op === 'create') this.#make(record, { bytes: Buffer.alloc(0), pending: [] })
    else if (record.op === 'mkdir') this.#make(record, { names: new Map(), pending: [] })
    else if (record.op === 'rename' || record.op === 'link') this.#both(record, record.op)
    else if (record.op === 'unlink' && it) this.#name(it, { what: 'del', name: record.text, file: this.byIno.get(record.a) })
    else if (record.op === 'sync' && it) this.#sync(it)
    this.n++
  }

  #sync(it) {
    if (it.names) it.names = named(it.names, it.pending)
    else if (it.pending.length) {
      it.bytes = applyAll(it.bytes, it.pending)
      it.hash = undefined
    }
    it.pending = []
    this.synced = this.n
  }

  /** The tree that `names(dir)` and `bytes(file)` choose: [{ path, bytes }], directories without bytes. */
  #tree(names, bytes) {
    const out = [], walk = (dir, path) => {
      for (const [name, file] of [...names(dir)].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const it = path ? `${path}/${name}` : name
        if (!file.names) out.push({ path: it, file, bytes: bytes(file) })
        else {
          out.push({ path: it, file })
          walk(file, it)
        }
      }
    }
    walk(this.root, '')
    return out
  }

  #some(dir, below, odds = 2) {
    return named(dir.names, dir.pending.filter(() => below(odds) > 0))
  }

  #anyNames(below) {
    const how = below(4)
    return (dir) => how === 0 ? dir.names : how === 1 ? named(dir.names, dir.pending) : this.#some(dir, below, how)
  }

  #ordered(below) {
    const m = this.synced + below(this.n - this.synced + 1)
    const bytes = (file) => {
      const must = file.pending.findLastIndex((op) => op.op === 'truncate' && op.i < this.synced) + 1
      const may = file.pending.findLastIndex((op) => op.i < m) + 1
      const n = Math.max(must, below(may + 1))
      const base = applyAll(file.bytes, file.pending.slice(0, n))
      const later = file.pending.slice(n).filter((op) => op.op === 'write' && op.at + op.bytes.length <= base.length)
      return later.length && below(2) ? scattered({ bytes: base, pending: later }, 4096, below) : base
    }
    return this.#tree((dir) => named(dir.names, dir.pending.filter((op) => op.i < m)), bytes)
  }

  #torn(record, unit, below) {
    const op = this.bytesOp(record)
    if (op?.op !== 'write') return null
    const whole = (dir) => named(dir.names, dir.pending), is_rest_whole = below(2) === 0
    const units = Math.ceil((op.at % unit + op.bytes.length) / unit)
    const end = Math.min(Math.max((Math.floor(op.at / unit) + below(units)) * unit - op.at, 0), op.bytes.length)
    const victim = this.byIno.get(record.ino), part = { ...op, bytes: op.bytes.subarray(0, end) }
    return this.#tree(is_rest_whole ? whole : this.#anyNames(below), (file) => {
      const base = is_rest_whole ? applyAll(file.bytes, file.pending) : scattered(file, 4096, below)
      return file === victim && end ? apply(base, part) : base
    })
  }

  /** All that any name below `from`, durable or not, leads to, but for what is in `less`. */
  #reachable(from, less = new Set()) {
    const seen = new Set(from)
    for (const it of seen) { // what is added is gone over as well
      for (const file of [...it.names?.values() ?? [], ...it.pending.map((op) => op.file)]) if (file && !less.has(file)) seen.add(file)
    }
    return seen
  }

  #loose() {
    const found = this.root.pending.filter(({ name }) => name === LOOSE).map(({ file }) => file)
    return this.#reachable([this.root.names.get(LOOSE), ...found].filter(Boolean))
  }

  /** What was not synced, but for what is below LOOSE: the calls in their order. */
  unsynced() {
    return [...this.#reachable([this.root], this.#loose())].flatMap((it) => it.pending).sort((a, b) => a.i - b.i)
  }

  #subset(bits) {
    const ops = this.unsynced(), below = quick(bits ^ this.n), how = below(3) // none of it, all, any version
    if (ops.length > SUBSET_MAX) return null
    const loose = this.#loose(), made = new Set(ops.filter((_, i) => bits >>> i & 1))
    const is_made = (it) => (op) => (loose.has(it) ? how > 0 : made.has(op))
    return this.#tree((dir) => named(dir.names, dir.pending.filter(is_made(dir))),
      (file) => loose.has(file) && how === 2 ? scattered(file, 4096, below) : applyAll(file.bytes, file.pending.filter(is_made(file))))
  }

  /** Where a file or directory lies, as far as calls went: '' for the root. */
  pathOf(ino) {
    const it = this.byIno.get(ino)
    if (it === this.root) return ''
    return it && this.#tree((dir) => named(dir.names, dir.pending), () => null).find(({ file }) => file === it)?.path
  }

  /** What the disk may hold now; `next` is the record under way. null: this kind has nothing to offer here. */
  state(kind, seed, next) {
    const below = quick(seed), all = (dir) => named(dir.names, dir.pending), durable = (file) => file.bytes
    const each = (fn) => {
      const done = new Map()
      return (file) => { if (!done.has(file)) done.set(file, file.pending.length ? fn(file) : file.bytes); return done.get(file) }
    }
    switch (kind) {
      case 'synced': return this.#tree((dir) => dir.names, durable)
      case 'whole': return this.#tree(all, each((file) => applyAll(file.bytes, file.pending)))
      case 'names': return this.#tree((dir) => this.#some(dir, below), durable)
      case 'bare': return this.#tree(all, durable)
      case 'tails': return this.#tree(all, each((file) => resized(file.bytes, file.pending.reduce(sizeAfter, file.bytes.length))))
      case 'pages': return this.#tree(this.#anyNames(below), each((file) => scattered(file, 4096, below)))
      case 'sectors': return this.#tree(this.#anyNames(below), each((file) => scattered(file, 512, below)))
      case 'torn4k': return next && this.#torn(next, 4096, below)
      case 'torn512': return next && this.#torn(next, 512, below)
      case 'subset': return this.#subset(seed)
      case 'ext4': return this.#ordered(below)
    }
    throw new Error(`no kind of state: ${kind}`)
  }
}

/** One hash for a tree, less what is LOOSE; of what did not change since the last sync it is known. */
export function hashOf(tree) {
  const all = createHash('sha1')
  for (const { path, bytes, file } of tree) {
    if (isLoose(path)) continue
    let hash = bytes ? undefined : 'directory'
    if (bytes && bytes === file.bytes) hash = file.hash ??= createHash('sha1').update(bytes).digest('hex')
    else if (bytes) hash = createHash('sha1').update(bytes).digest('hex')
    all.update(`${path}\0${hash}\0`)
  }
  return all.digest('hex')
}

/** States for the places [{ cut, kind, seed }], in the order of their cuts: each with its tree and hash. Kinds that have nothing there give none. */
export function* statesOf(records, rootIno, places) {
  const disk = new Disk(rootIno)
  for (const place of [...places].sort((a, b) => a.cut - b.cut)) {
    while (disk.n < place.cut) disk.take(records[disk.n])
    const tree = disk.state(place.kind, place.seed, records[place.cut])
    if (tree) yield { ...place, tree, hash: hashOf(tree) }
  }
}

/** All subsets of calls that were not synced, where these are at most `max`: places for statesOf. Those without the last call were there before it. */
export function* subsetPlaces(records, rootIno, max) {
  const disk = new Disk(rootIno)
  for (const record of records) {
    disk.take(record)
    const ops = disk.unsynced(), n = ops.length
    if (n === 0 || n > max || ops[n - 1].i !== disk.n - 1) continue
    for (let bits = 2 ** (n - 1); bits < 2 ** n; bits++) yield { cut: disk.n, kind: 'subset', seed: bits }
  }
}

const general = (path) => path.replace(/[0-9a-f]{64}/, 'IMAGE').replace(/objects\/[0-9a-f]{2}/, 'objects/XX').replace(/entries\/IMAGE/, 'entries/PRODUCT')

/**
 * Who made each sync of a log, and what for: [{ caller: 'gatepost-keeper+0x1234', place }]; undefined for other records. `place` is a file, or a
 * directory after what happened in it: 'objects/XX/ after rename IMAGE.part/IMAGE'.
 */
export function syncsOf(records, rootIno) {
  const disk = new Disk(rootIno), last = new Map()
  return records.map((record) => {
    const path = record.op === 'sync' ? disk.pathOf(record.ino) : undefined, it = disk.byIno.get(record.ino)
    const place = it?.names ? `${path}/ after ${last.get(it) ?? 'nothing'}` : path
    if (it?.names && record.op !== 'sync') last.set(it, `${record.op} ${record.text.replace(/[0-9a-f]{64}/g, 'IMAGE')}`)
    disk.take(record)
    return path === undefined ? undefined : { caller: record.text, place: general(place) }
  })
}
