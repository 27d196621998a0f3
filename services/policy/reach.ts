import type { Effect, Reach } from '../agent/tool.ts'

/** What is about to be done, by its declarations and by where it would reach. */
export type PolicyCall = {
  tool: string
  operation: string
  effect: Effect
  destructive: boolean
  attendedOnly: boolean
  listedOnly?: boolean
  unlisted?: boolean
  reach: Reach
  /** Its arguments hold a secret of the house. */
  leaks?: boolean
}

/** What a call really does: writing where others are told of it is sending. */
export function effectOf(declared: Effect, { sends }: Reach): Effect {
  return declared === 'write' && sends === true ? 'send' : declared
}

/** Whether a call carries its arguments somewhere; reading in the house tells nobody anything. */
export function goesOut(effect: Effect, { egress }: Reach): boolean {
  return effect !== 'read' || egress !== undefined
}

/** The places a call touches, one key each; a refusal by the owner holds for them until the run ends. */
export function placeKeysOf(call: PolicyCall): string[] {
  const name = `${call.tool}.${call.operation}`
  const all = placesOf(call.reach)
  return all.length === 0 ? [name] : all.map((target) => `${name} ${target}`)
}

/** What an approval of a call is bound to beside its arguments: its places, and what they were found to be. */
export function targetsOf(call: PolicyCall): string[] {
  return [...placeKeysOf(call), ...(call.reach.pins ?? [])]
}

/** What a standing yes for a call names: where it goes to, and the folders of what it changes. */
export function grantable({ reach }: PolicyCall): { destinations: string[]; paths: string[] } {
  const { paths = [] } = reach
  return {
    destinations: placesOf({ ...reach, paths: [] }),
    paths: [...new Set(paths.map(({ path }) => path.replace(/\/[^/]*$/, '') || path))],
  }
}

/** Whether a yes may ever stand for more than one call: not where code is run, something would be gone, or only the owner may. */
export function mayBeGranted({
  effect,
  destructive,
  attendedOnly,
}: Omit<PolicyCall, 'reach' | 'tool' | 'operation'>): boolean {
  return effect !== 'execute' && !destructive && !attendedOnly
}

/** Where a call reaches: hosts, servers, paths and addresses, as grants and refusals name them. */
export function placesOf({ egress, paths = [], destinations = [] }: Reach): string[] {
  const outside = egress === undefined ? [] : [egressName(egress)]
  return [...outside, ...paths.map(({ path }) => path), ...destinations.map(({ address }) => address)]
}

function egressName(egress: NonNullable<Reach['egress']>): string {
  if (egress.kind === 'url') return new URL(egress.url).host
  return egress.kind === 'engine' ? egress.host : egress.name
}

/**
 * What a yes goes on covering: a host or a form for the rest of the run, or an operation in a folder for the conversation.
 */
export function scopeOf(call: PolicyCall): string {
  const { egress, paths = [], covers = '' } = call.reach
  if (call.effect === 'send') return covers
  if (call.effect === 'read' && egress?.kind === 'url') return `host:${new URL(egress.url).host}`
  const folder = paths[0]?.path.replace(/\/[^/]*$/, '') || '/'
  return call.effect === 'write' && paths.length > 0 ? `write:${call.tool}.${call.operation}:${folder}` : ''
}
