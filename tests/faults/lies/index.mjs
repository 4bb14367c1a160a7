// lies/index.mjs: every lie of the hostile RPC, by group. A row is
//	name, what		what the provider does, as a sentence without its subject
//	tamper			see hostile-rpc.mjs
//	named			what the status must say of the provider within two polls; or
//	tolerated		why nothing has to be said
//	state			and in which state it must be
//	releases, mine		so many releases are published, and so many blocks pass, before it matters (1, 0)
//	from: 'start'		the lie is told from the first request on
//	isTls, isRedirect, isShown, isLeftAlone, isAskedNoMore	what else is looked at
import { blockLies } from './blocks.mjs'
import { errorLies } from './errors.mjs'
import { logLies } from './logs.mjs'
import { proofLies } from './proofs.mjs'
import { rpcLies } from './rpc.mjs'
import { transportLies } from './transport.mjs'

const groups = { logs: logLies, blocks: blockLies, proofs: proofLies, rpc: rpcLies, errors: errorLies, transport: transportLies }

export const lies = Object.entries(groups).flatMap(([group, rows]) => rows.map((row) => ({ group, releases: 1, mine: 0, ...row })))
export const lie = (name) => {
  const row = lies.find((l) => l.name === name)
  if (!row) throw new Error(`no lie is called ${name}`)
  return row
}
