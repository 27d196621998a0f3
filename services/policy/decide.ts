import type { Verdict } from '../agent/tool.ts'
import { hostKey, isPrivateLiteral } from '../outgoing/addresses.ts'
import type { Labels } from '../shapes/labels.ts'
import { pathRefusal } from './paths.ts'
import { placeKeysOf, placesOf, scopeOf, type PolicyCall } from './reach.ts'

/** Who stands behind the run, what it may use, and what has been agreed to so far. */
export type Mode = {
  attended: boolean
  /** null: every tool that may run here; entries name a tool ("web") or one operation ("web.search"). */
  allowedTools: readonly string[] | null
  /** Further lists that must name a call: a task narrows its agent, and each agent of a chain those it asks. */
  alsoAmong?: readonly (readonly string[])[]
  /** An agent does the work, not Steward itself. */
  byAgent?: boolean
  paused: boolean
  overBudget: boolean
  toolCalls: number
  maxToolCalls: number
  /** Tier 2: the owner asked for the web in this conversation. */
  webOpen: boolean
  /** URLs the owner typed, whole, in this conversation or the agent's prompt; normalised. */
  ownerUrls: ReadonlySet<string>
  /** URLs that stood whole in a result list of the search engine in this run, and how many were opened for that reason. */
  resultUrls: ReadonlySet<string>
  resultFetches: number
  /** Keys of `scopeOf` that the owner agreed to and that still hold. */
  agreed: ReadonlySet<string>
  /** Keys of `placeKeysOf` that the owner refused in this run. */
  denied: ReadonlySet<string>
}

/**
 * A standing yes of the owner that may be used now: for the agent at the root of the run, or within this conversation. The
 * first counts where nobody is there to be asked, the second also where somebody is.
 */
export type Grant = {
  id?: string
  operation: string
  destinations: readonly string[]
  paths: readonly string[]
  afterThirdParty: boolean
  inConversation?: boolean
}

/** The hard lists. */
export type Lists = {
  domains: readonly { domain: string; privateOk: boolean }[]
  folders: readonly { path: string }[]
  neverPaths: readonly string[]
  ownFiles: string | undefined
  privateHosts: ReadonlySet<string>
}

export type PolicySettings = { flowGuard: boolean }

const MOST_RESULT_FETCHES = 10

/**
 * The wall: whether a call may happen, must be asked about, or may not. Pure and total: the same input gives the same
 * answer, and nothing is looked up. Rules are tried in order; the first that speaks wins.
 */
export function decide(
  call: PolicyCall,
  labels: Labels,
  mode: Mode,
  grants: readonly Grant[],
  lists: Lists,
  settings: PolicySettings,
): Verdict {
  return refuse(call, mode, lists) ?? judge(call, labels, mode, grants, lists, settings)
}

/** Rules 1 to 3 alone: what no approval overrides. Run again when a yes comes, with the lists of that day. */
export function refuse(call: PolicyCall, mode: Mode, lists: Lists): Verdict | undefined {
  return limits(mode) ?? permitted(call, mode) ?? leaking(call) ?? insideLists(call, lists) ?? refusedBefore(call, mode)
}

function limits(mode: Mode): Verdict | undefined {
  if (mode.paused) return deny('1', 'Everything is paused.')
  if (mode.overBudget) return deny('1', 'The budget is used up.')
  if (mode.toolCalls < mode.maxToolCalls) return undefined
  return deny('1', `This run has made all the ${mode.maxToolCalls} tool calls it may make.`)
}

function permitted(call: PolicyCall, mode: Mode): Verdict | undefined {
  const name = `${call.tool}.${call.operation}`
  if (call.attendedOnly && !mode.attended) return deny('2', `${name} is only done while the owner is there.`)
  if (call.unlisted === true) return undefined
  const named = mode.allowedTools !== null && lists(mode.allowedTools, call)
  const open = mode.allowedTools === null && !(call.listedOnly === true && mode.byAgent === true)
  if (!named && !open) return deny('2', `${name} is not among the tools of this run.`)
  if ((mode.alsoAmong ?? []).every((list) => lists(list, call))) return undefined
  return deny('10', `${name} is not among the tools of everybody this run works for.`)
}

/** Whether a list of tools names a call: by its tool, by the one operation, or by the tool server that it belongs to. */
export function lists(allowed: readonly string[], call: Pick<PolicyCall, 'tool' | 'operation'>): boolean {
  if (allowed.includes(call.tool) || allowed.includes(`${call.tool}.${call.operation}`)) return true
  const server = OF_A_SERVER.exec(call.tool)?.[0]
  return server !== undefined && allowed.includes(server)
}

/** `mcp__files` in `mcp__files__read_file`: no name of a server holds an underscore. */
const OF_A_SERVER = /^mcp__[a-z0-9-]+(?=__)/

function leaking(call: PolicyCall): Verdict | undefined {
  if (call.leaks !== true) return undefined
  return deny('leak', 'What it would hand over holds a secret that is kept here.')
}

function insideLists(call: PolicyCall, hard: Lists): Verdict | undefined {
  const { egress, paths = [], destinations = [] } = call.reach
  for (const fact of paths) {
    const refusal = pathRefusal(fact, hard)
    if (refusal !== undefined) return deny('3', refusal)
  }
  if (destinations.some(({ class: kind }) => kind === 'other')) return deny('3', 'That recipient is not on the list.')
  const full = destinations.find((one) => one.full)
  if (full) return deny('3', `${full.address} has been written to as often as it may be today.`)
  if (egress?.kind === 'url' && isPrivate(egress.url, hard.privateHosts)) {
    return deny(
      '3',
      `${new URL(egress.url).host} is an address inside the house or of this machine; those are not opened.`,
    )
  }
  return undefined
}

function isPrivate(url: string, privateHosts: ReadonlySet<string>): boolean {
  return isPrivateLiteral(url) && !privateHosts.has(hostKey(url))
}

function refusedBefore(call: PolicyCall, mode: Mode): Verdict | undefined {
  if (!placeKeysOf(call).some((target) => mode.denied.has(target))) return undefined
  return deny('denied', 'The owner said no to this in this run.')
}

function judge(
  call: PolicyCall,
  labels: Labels,
  mode: Mode,
  grants: readonly Grant[],
  hard: Lists,
  settings: PolicySettings,
): Verdict {
  const seen: Labels = settings.flowGuard ? labels : { integrity: 'owner', privacy: 'public' }
  if (call.effect === 'execute') return ask('4', 'It would run code.')
  if (call.effect === 'send') return sending(call, seen, mode, grants)
  if (call.effect === 'write') return writing(call, seen, mode, grants)
  return reading(call, seen, mode, grants, hard)
}

function sending(call: PolicyCall, labels: Labels, mode: Mode, grants: readonly Grant[]): Verdict {
  const destinations = call.reach.destinations ?? []
  if (call.destructive) return ask('8', 'What it replaces would be gone.')
  if (destinations.length > 0 && destinations.every(({ class: kind }) => kind === 'owner')) {
    return allow('5', 'It goes to the owner.')
  }
  const scope = scopeOf(call)
  if (scope !== '' && mode.agreed.has(scope)) return allow('6', 'The owner agreed to this form in this run.')
  const grant = grantFor(call, labels, mode, grants)
  if (grant) return granted('6', grant)
  if (mode.attended) return ask('6', 'It would leave the house.')
  if (labels.integrity === 'third_party') return ask('6', 'It would leave the house, after reading what others wrote.')
  const listed = destinations.length > 0 && destinations.every(({ class: kind }) => kind !== 'unlisted')
  if (listed && mode.allowedTools !== null && lists(mode.allowedTools, call))
    return allow('6', 'The agent may do this.')
  return ask('6', 'It would leave the house.')
}

function writing(call: PolicyCall, labels: Labels, mode: Mode, grants: readonly Grant[]): Verdict {
  if (call.destructive) return ask('8', 'What it replaces would be gone.')
  if (mode.agreed.has(scopeOf(call))) return allow('8', 'The owner agreed to this here a short while ago.')
  const grant = grantFor(call, labels, mode, grants)
  if (grant) return granted('8', grant)
  if (call.reach.agreed === true && labels.integrity === 'owner') return allow('8', 'The owner said so beforehand.')
  if (mode.attended) return ask('8', 'It would change your data.')
  if (labels.integrity === 'third_party') return ask('8', 'It would change your data, after reading what others wrote.')
  return allow('8', 'Nothing others wrote has been read.')
}

/** The standing yes that covers a call whole: its operation, each of its destinations and each of its paths. */
function grantFor(call: PolicyCall, labels: Labels, mode: Mode, grants: readonly Grant[]): Grant | undefined {
  const { paths = [] } = call.reach
  const places = placesOf({ ...call.reach, paths: [] })
  if (places.length + paths.length === 0) return undefined
  return grants.find(
    (grant) =>
      grant.operation === `${call.tool}.${call.operation}` &&
      (grant.inConversation === true || !mode.attended) &&
      (grant.afterThirdParty || labels.integrity === 'owner') &&
      places.every((place) => grant.destinations.includes(place)) &&
      paths.every(({ path }) => grant.paths.some((folder) => path === folder || path.startsWith(`${folder}/`))),
  )
}

function reading(call: PolicyCall, labels: Labels, mode: Mode, grants: readonly Grant[], hard: Lists): Verdict {
  const { egress } = call.reach
  if (egress === undefined) return allow('9', 'It only reads.')
  if (egress.kind === 'engine') return allow('7e', 'It asks the configured search engine.')
  const verdict =
    egress.kind === 'url' ? opening(egress.url, labels, mode, hard, scopeOf(call)) : telling(egress, labels)
  const grant = verdict.decision === 'ask' ? grantFor(call, labels, mode, grants) : undefined
  return grant ? granted(verdict.rule, grant) : verdict
}

/** What an outside tool server is asked, it learns. */
function telling({ name, inHouse }: { name: string; inHouse: boolean }, labels: Labels): Verdict {
  if (inHouse) return allow('9', `${name} stays in the house.`)
  if (labels.integrity === 'owner') return allow('9', 'Nothing others wrote has been read.')
  if (labels.privacy === 'public') return allow('9', 'Nothing private has been read.')
  return ask('9', `It would tell ${name} something, after reading what others wrote.`)
}

function opening(url: string, labels: Labels, mode: Mode, hard: Lists, scope: string): Verdict {
  const entry = hard.domains.find(({ domain }) => covers(domain, new URL(url).hostname))
  if (labels.integrity === 'owner' && entry) return allow('7a', `${entry.domain} is on the list of trusted sites.`)
  if (labels.integrity === 'owner' && mode.webOpen) return allow('7a', 'The owner asked for the web here.')
  if (mode.ownerUrls.has(url)) return allow('7b', 'The owner typed this address.')
  if (mode.resultUrls.has(url) && mode.resultFetches < MOST_RESULT_FETCHES)
    return allow('7c', 'It stood in the search results.')
  if (labels.privacy === 'public' && mode.webOpen) return allow('7d', 'Nothing private has been read.')
  if (entry?.privateOk) return allow('7e', `${entry.domain} may be told what this run has read.`)
  if (mode.agreed.has(scope)) return allow('7', 'The owner agreed to this site in this run.')
  return ask('7', openingReason(labels))
}

function openingReason(labels: Labels): string {
  if (labels.integrity === 'owner') return 'This site is not on your list, and you did not ask for the web here.'
  return 'The address was chosen after reading what others wrote, and it could carry out what this conversation knows.'
}

/** A listed domain covers itself and its subdomains. */
function covers(domain: string, host: string): boolean {
  return host === domain || host.endsWith(`.${domain}`)
}

const allow = (rule: string, reason: string): Verdict => ({ decision: 'allow', rule, reason })
const granted = (rule: string, { id }: Grant): Verdict => ({
  ...allow(rule, 'The owner granted it.'),
  ...(id === undefined ? {} : { grant: id }),
})
const ask = (rule: string, reason: string): Verdict => ({ decision: 'ask', rule, reason })
const deny = (rule: string, reason: string): Verdict => ({ decision: 'deny', rule, reason })
