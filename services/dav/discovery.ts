import { isIP } from 'node:net'
import { AppError } from '../errors.ts'
import type { LookupService } from '../outgoing/connect.ts'
import type { CollectionKind, DavAccount, Found } from './account-rows.ts'
import { NotHere, SignInRefused } from './faults.ts'
import { textOf, type Resource, type Wire } from './wire.ts'

const MOST = 200
const KINDS = {
  calendar: { service: 'caldav', name: 'CalDAV', home: 'calendarHomeSet', type: 'calendar', word: 'calendars' },
  address_book: {
    service: 'carddav',
    name: 'CardDAV',
    home: 'addressbookHomeSet',
    type: 'addressbook',
    word: 'address books',
  },
} as const

const WHO = {
  'd:current-user-principal': {},
  'd:resourcetype': {},
  'c:calendar-home-set': {},
  'card:addressbook-home-set': { _attributes: { 'xmlns:card': 'urn:ietf:params:xml:ns:carddav' } },
  'c:calendar-user-address-set': {},
}
const WHAT = {
  'd:displayname': {},
  'd:resourcetype': {},
  'd:owner': {},
  'd:share-access': {},
  'd:current-user-principal': {},
  'd:current-user-privilege-set': {},
  'c:supported-calendar-component-set': {},
  'cs:invite': {},
  'oc:invite': { _attributes: { 'xmlns:oc': 'http://owncloud.org/ns' } },
}

export type Discovered = { collections: Found[]; addresses: string[] }

type DiscoveryDeps = { wire: Wire; lookupService: LookupService }
type Home = { principal?: string; homes: string[]; direct: Found[]; addresses: string[] }

/**
 * The calendars or address books of an account: where its address leads, at its host's well-known address, at its root, and where
 * the host's name servers say (RFC 6764), then from the principal to its home (RFC 4791, 6.2.1; RFC 6352, 7.1.1). Throws AppError
 * that says which step failed.
 */
export async function discover(
  account: Pick<DavAccount, 'url'>,
  kind: CollectionKind,
  deps: DiscoveryDeps,
): Promise<Discovered> {
  const { word } = KINDS[kind]
  const home = await homeOf(account, kind, deps)
  if (home.direct.length > 0) return { collections: home.direct, addresses: home.addresses }
  const collections: Found[] = []
  for (const url of home.homes) collections.push(...(await collectionsIn(url, kind, deps.wire)))
  if (collections.length === 0)
    throw new AppError(
      'not_found',
      `${new URL(account.url).host} has no ${word} for this account. Make one there first.`,
    )
  return { collections: collections.slice(0, MOST), addresses: home.addresses }
}

async function homeOf({ url }: Pick<DavAccount, 'url'>, kind: CollectionKind, deps: DiscoveryDeps): Promise<Home> {
  const tried: AppError[] = []
  const dead = new Set<string>()
  for await (const place of places(url, kind, deps)) {
    const { origin } = new URL(place)
    const found = dead.has(origin) ? undefined : await attempt(() => lookAt(place, kind, deps.wire))
    if (found instanceof SignInRefused) throw found
    if (found instanceof AppError) tried.push(found)
    if (found instanceof AppError && !(found instanceof NotHere)) dead.add(origin)
    if (found && !(found instanceof AppError) && (found.homes.length > 0 || found.direct.length > 0)) return found
  }
  throw tried.find((error) => !(error instanceof NotHere)) ?? nothingFound(url, kind, tried)
}

function nothingFound(url: string, kind: CollectionKind, tried: readonly AppError[]): AppError {
  const { service, word, name } = KINDS[kind]
  const refusal = tried.find(({ code }) => code === 'upstream_refused')
  const why = refusal === undefined ? '' : ` ${refusal.message}`
  return new AppError(
    'not_found',
    `At ${new URL(url).host} no ${word} were found, neither at the address itself nor at /.well-known/${service}.${why} Give the whole address that the service names for ${name}.`,
  )
}

/** Where to look, the nearest first. */
async function* places(url: string, kind: CollectionKind, { lookupService }: DiscoveryDeps): AsyncGenerator<string> {
  const { service } = KINDS[kind]
  const { pathname, origin, protocol, hostname, port } = new URL(url)
  if (pathname !== '/') yield url
  yield `${origin}/.well-known/${service}`
  yield `${origin}/`
  if (protocol !== 'https:' || port !== '' || isIP(hostname) !== 0) return
  const records = await lookupService(`_${service}s._tcp.${hostname}`).catch(() => [])
  const [best] = records.toSorted((a, b) => a.priority - b.priority)
  if (best === undefined || best.name === '' || best.name === '.') return
  const there = `https://${best.name}:${best.port}`
  yield `${there}/.well-known/${service}`
  yield `${there}/`
}

async function lookAt(place: string, kind: CollectionKind, wire: Wire): Promise<Home> {
  const start = await who(place, kind, wire, 'looking for your account')
  if (start.homes.length > 0 || start.direct.length > 0 || start.principal === undefined) return start
  return who(start.principal, kind, wire, 'looking at your account')
}

async function who(place: string, kind: CollectionKind, wire: Wire, doing: string): Promise<Home> {
  const { at, found } = await wire.propfind(place, { ...WHO, ...WHAT }, '0', doing)
  const [self] = found
  if (!self) return { homes: [], direct: [], addresses: [] }
  const principal = hrefs(self.props.currentUserPrincipal, at)[0]
  return {
    ...(principal === undefined ? {} : { principal }),
    homes: hrefs(self.props[KINDS[kind].home], at),
    direct: asCollection(self, kind),
    addresses: hrefs(self.props.calendarUserAddressSet, at).flatMap(mailIn),
  }
}

async function collectionsIn(home: string, kind: CollectionKind, wire: Wire): Promise<Found[]> {
  const { found } = await wire.propfind(home, WHAT, '1', `listing your ${KINDS[kind].word}`)
  return found.flatMap((one) => asCollection(one, kind))
}

/** What the server says of one collection at this moment; undefined where it is none. */
export async function lookAtCollection(url: string, kind: CollectionKind, wire: Wire): Promise<Found | undefined> {
  const { found } = await wire.propfind(url, WHAT, '0', 'looking at it')
  return found.flatMap((one) => asCollection(one, kind))[0]
}

function asCollection({ url, props }: Resource, kind: CollectionKind): Found[] {
  const types = props.resourcetype as Record<string, unknown> | undefined
  if (types === undefined || types === null || typeof types !== 'object' || !(KINDS[kind].type in types)) return []
  if (kind === 'calendar' && !takesEvents(props.supportedCalendarComponentSet)) return []
  const name = textOf(props.displayname).trim() || decodeURIComponent(url.split('/').filter(Boolean).at(-1) ?? '')
  return [
    {
      kind,
      url: url.endsWith('/') ? url : `${url}/`,
      name: name.slice(0, 200),
      readOnly: isReadOnly(props),
      shared: isShared(url, props, types),
    },
  ]
}

/** Lists of tasks are calendars too (RFC 4791, 5.2.3). */
function takesEvents(set: unknown): boolean {
  const components = [(set as { comp?: unknown } | undefined)?.comp ?? []].flat() as {
    _attributes?: { name?: string }
  }[]
  return components.length === 0 || components.some((one) => one._attributes?.name?.toUpperCase() === 'VEVENT')
}

function isReadOnly({ currentUserPrivilegeSet }: Record<string, unknown>): boolean {
  const all = [(currentUserPrivilegeSet as { privilege?: unknown } | undefined)?.privilege ?? []].flat() as object[]
  return all.length > 0 && !all.some((one) => ['write', 'writeContent', 'bind', 'all'].some((name) => name in one))
}

/** Somebody else owns it, or others were invited to it. */
function isShared(url: string, props: Record<string, unknown>, types: Record<string, unknown>): boolean {
  const [owner] = hrefs(props.owner, url)
  const [self] = hrefs(props.currentUserPrincipal, url)
  if (owner !== undefined && self !== undefined && samePlace(owner) !== samePlace(self)) return true
  if ('shared' in types || 'sharedOwner' in types || 'public' in types) return true
  const access = Object.keys((props.shareAccess as object | undefined) ?? {})
  if (access.some((name) => ['read', 'readWrite', 'sharedOwner'].includes(name))) return true
  return isInvited(props.invite)
}

function isInvited(invite: unknown): boolean {
  return typeof invite === 'object' && invite !== null && ('user' in invite || 'sharee' in invite)
}

const samePlace = (url: string): string => decodeURIComponent(new URL(url).pathname).replace(/\/$/, '')

function hrefs(prop: unknown, at: string): string[] {
  const all = [(prop as { href?: unknown } | undefined)?.href ?? []].flat()
  return all
    .map(textOf)
    .filter((href) => href !== '' && URL.canParse(href, at))
    .map((href) => new URL(href, at).href)
}

function mailIn(href: string): string[] {
  const address = /^mailto:([^?]+)/i.exec(href)?.[1]
  return address === undefined ? [] : [decodeURIComponent(address).toLowerCase()]
}

async function attempt<T>(work: () => Promise<T>): Promise<T | AppError> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
}
