// kill-load.mjs: who uses a gateway while it is killed: readers of images, devices, peers, and its operator. Each asks, and tells the
// witness of what came back complete; an answer that was cut off, or none, says nothing. A turn that brought something to be judged gives true,
// and is counted by who took it: a load that nobody answers is no load.
import { setTimeout as pause } from 'node:timers/promises'
import { CarReader } from '@ipld/car/reader'
import { OPTION, block, codeName, openClient, readUint } from '../support/coap.mjs'
import { readCid } from '../support/ipfs-blocks.mjs'
import { sha256 } from './kill-truth.mjs'
import { ASKED, AUTO, products } from './kill-world.mjs'

const COAP_BLOCKS_MAX = 130 // larger images are left to HTTP
const hexOf = (etag) => /^"sha256-([0-9a-f]{64})"$/.exec(etag ?? '')?.[1]

/** A reply with its whole body, or null: refused, reset, cut off. */
async function ask(station, url, options) {
  try {
    const r = await fetch(url, { ...options, signal: AbortSignal.timeout(20000) })
    return { status: r.status, headers: r.headers, body: Buffer.from(await r.arrayBuffer()) }
  } catch {
    station.witness.counts.cut++
    return null
  }
}

export const readStatus = async (station, product, device) => (await readManifest(station, product, { device })).status

/** The manifest as anybody gets it, or as a device does: the status, and the sequence that was offered. */
export async function readManifest(station, product, { device } = {}) {
  const { witness } = station
  const since = witness.now(), readySince = station.readySince
  const r = await ask(station, `${station.gateway.http}/fw/${product}${device ? `?device=${device}` : ''}`)
  if (!r) return {}
  witness.status(r.status, 'a manifest')
  if (r.status === 200) {
    const sequence = Number(r.headers.get('gatepost-sequence'))
    witness.offers(product, sequence, since, { device })
    const release = station.world.truth.of(product, sequence)
    if (release && (!release.envelope.equals(r.body) || hexOf(r.headers.get('etag')) !== sha256(r.body)))
      witness.wrong.push(`the manifest of ${product} ${sequence}`)
    return { status: r.status, sequence }
  }
  if (String(r.body) === 'no catalog yet\n' && !(readySince && readySince === station.readySince)) witness.counts.tooEarly++
  else if (!device) witness.offersNothing(product, `${r.status} ${String(r.body).trim()}`, since)
  return { status: r.status }
}

const isOffered = async (station, product, who) => (await readManifest(station, product, who)).sequence !== undefined

async function readImage(station, product) {
  const { witness } = station
  const since = witness.now()
  const r = await ask(station, `${station.gateway.http}/fw/${product}/image`)
  if (!r) return
  witness.status(r.status, 'an image')
  if (r.status !== 200) return
  const release = witness.bytes(hexOf(r.headers.get('etag')), r.body, 0, `/fw/${product}/image`)
  if (!release) return
  if (sha256(r.body) !== release.sha256) witness.wrong.push(`/fw/${product}/image: not all of ${release.sha256}`)
  witness.offers(product, release.sequence, since)
  return true
}

/** A piece of an image by its digest or CID, or the whole. */
async function readPart(station, dice) {
  const { witness, world } = station
  const release = dice.pick(world.truth.all())
  const path = dice.bool() ? `/sha256/${release.sha256}` : `/ipfs/${release.cid}`
  const from = dice.below(release.image.length), to = from + dice.below(release.image.length - from)
  const isWhole = dice.below(3) === 0
  const r = await ask(station, station.gateway.http + path, isWhole ? {} : { headers: { range: `bytes=${from}-${to}` } })
  if (!r) return
  witness.status(r.status, path)
  if (r.status === 410) return void witness.isGone(release.sha256)
  if (r.status !== 200 && r.status !== 206) return
  const start = r.status === 206 ? from : 0, length = r.status === 206 ? to - from + 1 : release.image.length
  witness.bytes(release.sha256, r.body, start, path)
  if (r.body.length !== length) witness.wrong.push(`${path}: ${r.body.length} bytes instead of ${length}`)
  return true
}

/** As another gateway asks: an archive, or one block. */
async function readBlocks(station, dice) {
  const { witness, world } = station
  const { cid } = dice.pick(world.truth.all())
  const blocks = [...world.source.blocks.walk(readCid(cid))]
  const one = dice.pick(blocks)
  const isCar = dice.bool()
  const r = await ask(station, isCar ? `${station.gateway.http}/ipfs/${cid}?format=car&dups=y` : `${station.gateway.http}/ipfs/${one.cid}?format=raw`)
  if (!r) return
  witness.status(r.status, `/ipfs/${cid}`)
  if (r.status !== 200) return
  witness.counts.reads++
  const given = isCar ? await carBlocks(r.body) : [r.body]
  const wanted = isCar ? blocks.map((b) => Buffer.from(b.bytes)) : [Buffer.from(one.bytes)]
  if (given.length !== wanted.length || given.some((bytes, i) => !wanted[i].equals(bytes)))
    witness.wrong.push(`/ipfs/${cid}: ${isCar ? 'the archive' : 'a block'} is not what its name says`)
  return true
}

async function carBlocks(bytes) {
  const list = []
  try {
    for await (const { bytes: of } of (await CarReader.fromBytes(bytes)).blocks()) list.push(of)
  } catch { /* not an archive: no blocks */ }
  return list
}

/** A resource block by block; null when it did not come to its end. */
async function readCoap(client, path) {
  const parts = []
  let etag, more = true
  while (more) {
    const r = await client.ask(path, { options: [[OPTION.BLOCK2, block(parts.length, 6)]], tries: 2, wait_ms: 500 })
    const said = r && codeName(r.code) === '2.05' && r.options.get(OPTION.ETAG)?.[0]
    if (!said || (etag && !etag.equals(said)) || parts.length > COAP_BLOCKS_MAX) return null
    etag = said
    const option = readUint(r.options.get(OPTION.BLOCK2)?.[0])
    if (option >> 4 !== parts.length) return null
    more = Boolean(option & 8)
    parts.push(Buffer.from(r.payload))
  }
  return { etag, body: Buffer.concat(parts) }
}

async function readOverCoap(station, client, dice) {
  const { witness, world } = station
  const product = dice.pick(products), isImage = dice.bool(), since = witness.now()
  const r = await readCoap(client, `/fw/${product}${isImage ? '/image' : ''}`)
  if (!r) return void witness.counts.cut++
  const release = isImage ? world.truth.byDigest(sha256(r.body)) : world.truth.all().find((known) => known.envelope.equals(r.body))
  witness.counts.reads++
  const etag = Buffer.from(sha256(r.body), 'hex').subarray(0, 8)
  if (!release || !r.etag.equals(etag)) return void witness.wrong.push(`/fw/${product} over CoAP: bytes that nobody published`)
  witness.offers(product, release.sequence, since)
  return true
}

/** A device takes what it is offered and says how that went. Half of them come once, the others again and again. */
async function report(station, dice, n) {
  const { witness } = station
  const product = dice.pick(products)
  const device = dice.bool() ? `once-${n}` : `${product.split('/')[1]}-${dice.below(5)}`
  const { sequence } = await readManifest(station, product, { device })
  if (!sequence) return
  const state = dice.pick(['installed', 'running', 'failed'])
  const acknowledged = witness.reports(device, { product, sequence, state })
  const r = await ask(station, `${station.gateway.http}/fw/${product}/report`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ device, sequence, state }),
  })
  if (r?.status === 204) acknowledged()
  if (r) witness.status(r.status, 'a report')
  return r?.status === 204
}

/** Dice for a word that is always said over REST. */
export const OVER_REST = { below: () => 1 }

/** An operator's call: over REST, or by the program on the gateway. What the answer was, or undefined. */
async function say(station, dice, { path, method = 'POST', body, words }) {
  if (dice.below(5) === 0) {
    const r = await station.gateway.cli(...words)
    return r.code === 0 ? { token: r.stdout.trim() } : undefined
  }
  const r = await ask(station, `${station.gateway.operator}/api/v1/${path}`, {
    method, body: JSON.stringify(body ?? {}), headers: { authorization: `Bearer ${station.token}`, 'content-type': 'application/json' },
  })
  if (r) station.witness.status(r.status, path)
  return r && r.status < 300 ? (r.body.length ? JSON.parse(r.body) : {}) : undefined
}

export async function decide(station, dice, product, sequence, word) {
  const acknowledged = station.witness.decides(product, sequence, word)
  if (await say(station, dice, { path: `releases/${product}/${sequence}/${word}`, words: [word, product, sequence] })) acknowledged()
  return station.witness.decided(product, sequence).only === word
}

/** Of what waits for a word, the most goes out; what went out is held back now and then. */
async function decideSomething(station, dice) {
  const { truth, newest } = station.world
  const sequence = newest[ASKED] - dice.below(2)
  const release = truth.of(ASKED, sequence)
  if (!release || release.isRevoked) return
  const before = station.witness.decided(ASKED, sequence - 1)?.only
  const word = before === 'approve' && dice.below(3) === 0 ? 'hold' : 'approve'
  if (station.witness.decided(ASKED, sequence)?.only !== word) await decide(station, dice, ASKED, sequence, word)
}

async function pin(station, dice) {
  const word = dice.pick(['pin', 'unpin'])
  const acknowledged = station.witness.pins(AUTO, word)
  if (await say(station, dice, { path: `products/${AUTO}/${word}`, words: [word, AUTO] })) acknowledged()
}

async function token(station, dice, n) {
  const name = `t${n}`
  const made = station.witness.tokens(name, 'there')
  const answer = await say(station, dice, { path: 'tokens', body: { name, scope: 'read' }, words: ['token', 'new', name, '--scope', 'read'] })
  if (!answer) return
  made(answer.token)
  if (dice.below(3) > 0) {
    const gone = station.witness.tokens(name, 'revoked')
    if (await say(station, dice, { path: `tokens/${name}`, method: 'DELETE', words: ['token', 'revoke', name] })) gone()
  }
}

/** Which of its words were acknowledged the witness counts. */
async function operate(station, dice, n) {
  await dice.pick([decideSomething, decideSomething, decideSomething, pin, token])(station, dice, n)
  return true
}

/** Puts load on a station until `isOver()`; each works at its own pace. */
export async function loadUntil(station, dice, isOver, pause_ms) {
  const client = await openClient(station.ports.coap)
  const { counts } = station.witness
  const again = async (who, factor, work) => {
    for (let n = 0; !isOver(); n++) {
      if (await work(n) === true) counts[who]++
      await pause(dice.below(2 * pause_ms * factor))
    }
  }
  await Promise.all([
    again('manifests', 1, () => isOffered(station, dice.pick(products))),
    again('images', 2, () => readImage(station, dice.pick(products))),
    again('parts', 1, () => readPart(station, dice)),
    again('blocks', 4, () => readBlocks(station, dice)),
    again('overCoap', 6, () => readOverCoap(station, client, dice)),
    again('reported', 1, (n) => report(station, dice, n)),
    again('operator', 2, (n) => operate(station, dice, n)),
    again('asDevices', 3, () => {
      const device = dice.pick(station.witness.devices().slice(-20))
      return device && isOffered(station, station.witness.deviceProduct(device), { device })
    }),
  ])
  client.close()
}
