import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Effect, Reach } from '../services/agent/tool.ts'
import { decide, refuse, type Grant, type Lists, type Mode } from '../services/policy/decide.ts'
import { scopeOf, targetsOf, type PolicyCall } from '../services/policy/reach.ts'
import { pathRefusal } from '../services/policy/paths.ts'
import { asksForWeb, urlsIn } from '../services/policy/urls.ts'
import type { Labels } from '../services/shapes/labels.ts'

const CLEAN: Labels = { integrity: 'owner', privacy: 'private' }
const READ_OTHERS: Labels = { integrity: 'third_party', privacy: 'private' }
const PUBLIC: Labels = { integrity: 'third_party', privacy: 'public' }

const LISTS: Lists = {
  domains: [
    { domain: 'wikipedia.org', privateOk: false },
    { domain: 'trusted.example', privateOk: true },
  ],
  folders: [{ path: '/srv/papers' }],
  neverPaths: ['/data', '/etc'],
  ownFiles: '/data/files/anna',
  privateHosts: new Set(['10.0.0.7:80']),
}

const MODE: Mode = {
  attended: true,
  allowedTools: null,
  paused: false,
  overBudget: false,
  toolCalls: 0,
  maxToolCalls: 20,
  webOpen: false,
  ownerUrls: new Set(),
  resultUrls: new Set(),
  resultFetches: 0,
  agreed: new Set(),
  denied: new Set(),
}

const call = (effect: Effect, reach: Reach = {}, more: Partial<PolicyCall> = {}): PolicyCall => ({
  tool: 'tool', operation: effect, effect, destructive: false, attendedOnly: false, reach, ...more,
}) // prettier-ignore
const file = (path: string, hardLinks = 0): Reach => ({ paths: [{ path, hardLinks }] })
const url = (address: string): Reach => ({ egress: { kind: 'url', url: address } })
const to = (...classes: ('owner' | 'listed' | 'other')[]): Reach => ({
  destinations: classes.map((kind, at) => ({ address: `${kind}${at}@x.org`, class: kind })),
})

const SEARCH = call('read', { egress: { kind: 'engine', host: 'duckduckgo.com' } })
const WRITE = call('write', file('/srv/papers/a.txt'))
const FAR = 'https://far.example/page?q=1'
const OPEN_FAR = call('read', url(FAR))
const AGREED_WRITE = { agreed: new Set(['write:tool.write:/srv/papers']) }
const GRANT: Grant = { operation: 'tool.write', destinations: [], paths: ['/srv/papers'], afterThirdParty: false }
const SEND_GRANT: Grant = { operation: 'tool.send', destinations: ['listed0@x.org'], paths: [], afterThirdParty: true }

const HOST_GRANT: Grant = { operation: 'tool.read', destinations: ['far.example'], paths: [], afterThirdParty: true }
const SERVER = { egress: { kind: 'server' as const, name: 'notes', inHouse: false } }
const FULL: Reach = { destinations: [{ address: 'listed0@x.org', class: 'listed', full: true }] }
const UNLISTED: Reach = { destinations: [{ address: 'form.example', class: 'unlisted' }] }

type Case = [
  what: string,
  expected: string,
  given: { call: PolicyCall; labels?: Labels; mode?: Partial<Mode>; grants?: Grant[]; flowGuard?: boolean },
]

const unattended = { attended: false }

const TABLE: Case[] = [
  ['paused', 'deny 1', { call: SEARCH, mode: { paused: true } }],
  ['over budget', 'deny 1', { call: SEARCH, mode: { overBudget: true } }],
  ['all calls used up', 'deny 1', { call: SEARCH, mode: { toolCalls: 20 } }],
  ['the last call', 'allow 7e', { call: SEARCH, mode: { toolCalls: 19 } }],

  ['not among the tools', 'deny 2', { call: SEARCH, mode: { allowedTools: ['email'] } }],
  ['no tools at all', 'deny 2', { call: SEARCH, mode: { allowedTools: [] } }],
  ['another operation of it', 'deny 2', { call: SEARCH, mode: { allowedTools: ['tool.write'] } }],
  ['listed by tool', 'allow 7e', { call: SEARCH, mode: { allowedTools: ['tool'] } }],
  ['listed by operation', 'allow 7e', { call: SEARCH, mode: { allowedTools: ['tool.read'] } }],
  ['only while the owner is there', 'deny 2', { call: call('read', {}, { attendedOnly: true }), mode: unattended }],
  ['the owner is there', 'allow 9', { call: call('read', {}, { attendedOnly: true }) }],

  ['outside the folders', 'deny 3', { call: call('read', file('/srv/other/a.txt')) }],
  ['beside a folder of that name', 'deny 3', { call: call('read', file('/srv/papers2/a.txt')) }],
  ['in the data folder', 'deny 3', { call: call('read', file('/data/master.key')) }],
  ['in a hidden folder', 'deny 3', { call: call('read', file('/srv/papers/.git/config')) }],
  ['a file of many names', 'deny 3', { call: call('read', file('/srv/papers/a.txt', 2)) }],
  ['a second path outside', 'deny 3', { call: call('write', { paths: [...WRITE.reach.paths!, { path: '/srv/b', hardLinks: 0 }] }) }],
  ['a stranger', 'deny 3', { call: call('send', to('other')) }],
  ['a stranger among friends', 'deny 3', { call: call('send', to('owner', 'other')) }],
  ['a private address', 'deny 3', { call: call('read', url('http://192.168.1.1/')), mode: { webOpen: true } }],
  ['a private address typed by the owner', 'deny 3', { call: call('read', url('http://localhost/')), mode: { ownerUrls: new Set(['http://localhost/']) } }],
  ['a private address that is open', 'allow 7a', { call: call('read', url('http://10.0.0.7/')), mode: { webOpen: true } }],
  ['another port of it', 'deny 3', { call: call('read', url('http://10.0.0.7:81/')), mode: { webOpen: true } }],
  ['a private address over agreement', 'deny 3', { call: call('read', url('http://[::1]/')), mode: { agreed: new Set(['host:[::1]']) } }],
  ['refused before', 'deny denied', { call: WRITE, mode: { ...AGREED_WRITE, denied: new Set(['tool.write /srv/papers/a.txt']) } }],
  ['another file than the refused', 'ask 8', { call: WRITE, mode: { denied: new Set(['tool.write /srv/papers/b.txt']) } }],
  ['a refused host', 'deny denied', { call: OPEN_FAR, mode: { webOpen: true, denied: new Set(['tool.read far.example']) } }],

  ['code', 'ask 4', { call: call('execute') }],
  ['code, unattended and granted', 'ask 4', { call: call('execute'), mode: unattended, grants: [{ ...GRANT, operation: 'tool.execute' }] }],

  ['to the owner', 'allow 5', { call: call('send', to('owner', 'owner')), labels: READ_OTHERS }],
  ['to nobody in particular', 'ask 6', { call: call('send') }],
  ['to one listed, attended', 'ask 6', { call: call('send', to('listed')) }],
  ['to one listed and the owner', 'ask 6', { call: call('send', to('owner', 'listed')) }],
  ['unattended, clean, listed by the agent', 'allow 6', { call: call('send', to('listed')), mode: { ...unattended, allowedTools: ['tool.send'] } }],
  ['unattended, clean, not listed by the agent', 'ask 6', { call: call('send', to('listed')), mode: unattended }],
  ['unattended after others', 'ask 6', { call: call('send', to('listed')), labels: READ_OTHERS, mode: { ...unattended, allowedTools: ['tool'] } }],
  ['unattended after others, granted', 'allow 6', { call: call('send', to('listed')), labels: READ_OTHERS, mode: unattended, grants: [SEND_GRANT] }],
  ['granted, but for clean runs', 'ask 6', { call: call('send', to('listed')), labels: READ_OTHERS, mode: unattended, grants: [{ ...SEND_GRANT, afterThirdParty: false }] }],
  ['granted to another', 'ask 6', { call: call('send', to('listed', 'listed')), mode: unattended, grants: [SEND_GRANT] }],
  ['granted for another operation', 'ask 6', { call: call('send', to('listed')), mode: unattended, grants: [{ ...SEND_GRANT, operation: 'tool.post' }] }],
  ['granted in this conversation, attended', 'allow 6', { call: call('send', to('listed')), labels: READ_OTHERS, grants: [{ ...SEND_GRANT, inConversation: true }] }],
  ['granted in this conversation, for clean runs', 'ask 6', { call: call('send', to('listed')), labels: READ_OTHERS, grants: [{ ...SEND_GRANT, inConversation: true, afterThirdParty: false }] }],
  ['granted, but off the list by now', 'deny 3', { call: call('send', to('other')), mode: unattended, grants: [{ ...SEND_GRANT, destinations: ['other0@x.org'] }] }],
  ['to one written to often enough today', 'deny 3', { call: call('send', FULL), mode: unattended, grants: [SEND_GRANT] }],
  ['where no list exists', 'ask 6', { call: call('send', UNLISTED) }],
  ['where no list exists, unattended, listed by the agent', 'ask 6', { call: call('send', UNLISTED), mode: { ...unattended, allowedTools: ['tool'] } }],
  ['granted, but attended', 'ask 6', { call: call('send', to('listed')), grants: [SEND_GRANT] }],

  ['on the list', 'allow 7a', { call: call('read', url('https://wikipedia.org/wiki')) }],
  ['below the list', 'allow 7a', { call: call('read', url('https://de.wikipedia.org/')) }],
  ['only like the list', 'ask 7', { call: call('read', url('https://notwikipedia.org/')) }],
  ['the list as a subdomain of another', 'ask 7', { call: call('read', url('https://wikipedia.org.evil.example/')) }],
  ['the list as a user name', 'ask 7', { call: call('read', url('https://evil.example/wikipedia.org')) }],
  ['anywhere', 'ask 7', { call: OPEN_FAR }],
  ['anywhere, web open', 'allow 7a', { call: OPEN_FAR, mode: { webOpen: true } }],
  ['anywhere, web open, after others', 'ask 7', { call: OPEN_FAR, labels: READ_OTHERS, mode: { webOpen: true } }],
  ['on the list, after others', 'ask 7', { call: call('read', url('https://wikipedia.org/?q=secret')), labels: READ_OTHERS }],
  ['typed by the owner, after others', 'allow 7b', { call: OPEN_FAR, labels: READ_OTHERS, mode: { ownerUrls: new Set([FAR]) } }],
  ['typed by the owner, with more behind it', 'ask 7', { call: call('read', url(`${FAR}&x=secret`)), labels: READ_OTHERS, mode: { ownerUrls: new Set([FAR]) } }],
  ['found by the search', 'allow 7c', { call: OPEN_FAR, labels: READ_OTHERS, mode: { resultUrls: new Set([FAR]), resultFetches: 9 } }],
  ['the eleventh found by the search', 'ask 7', { call: OPEN_FAR, labels: READ_OTHERS, mode: { resultUrls: new Set([FAR]), resultFetches: 10 } }],
  ['nothing private read, web open', 'allow 7d', { call: OPEN_FAR, labels: PUBLIC, mode: { webOpen: true } }],
  ['nothing private read, web closed', 'ask 7', { call: OPEN_FAR, labels: PUBLIC }],
  ['may be told private things', 'allow 7e', { call: call('read', url('https://a.trusted.example/')), labels: READ_OTHERS }],
  ['the search engine', 'allow 7e', { call: SEARCH, labels: READ_OTHERS }],
  ['agreed for this run', 'allow 7', { call: OPEN_FAR, labels: READ_OTHERS, mode: { agreed: new Set(['host:far.example']) } }],
  ['another port of the agreed', 'ask 7', { call: call('read', url('https://far.example:444/')), labels: READ_OTHERS, mode: { agreed: new Set(['host:far.example']) } }],
  ['unattended is no different', 'ask 7', { call: OPEN_FAR, mode: unattended }],

  ['the host granted to the agent', 'allow 7', { call: OPEN_FAR, labels: READ_OTHERS, mode: unattended, grants: [HOST_GRANT] }],
  ['another host than the granted', 'ask 7', { call: call('read', url('https://far.example.org/')), labels: READ_OTHERS, mode: unattended, grants: [HOST_GRANT] }],
  ['the granted host of another agent’s run', 'ask 7', { call: OPEN_FAR, labels: READ_OTHERS, grants: [HOST_GRANT] }],

  ['a tool server, clean', 'allow 9', { call: call('read', SERVER) }],
  ['a tool server after others', 'ask 9', { call: call('read', SERVER), labels: READ_OTHERS }],
  ['a tool server after others, nothing private', 'allow 9', { call: call('read', SERVER), labels: PUBLIC }],
  ['a tool server in the house', 'allow 9', { call: call('read', { egress: { ...SERVER.egress, inHouse: true } }), labels: READ_OTHERS }],
  ['a tool server that runs code', 'ask 4', { call: call('execute', SERVER) }],

  ['write, attended', 'ask 8', { call: WRITE }],
  ['write, agreed', 'allow 8', { call: WRITE, mode: AGREED_WRITE }],
  ['write, another operation agreed', 'ask 8', { call: { ...WRITE, operation: 'delete' }, mode: AGREED_WRITE }],
  ['write, unattended and clean', 'allow 8', { call: WRITE, mode: unattended }],
  ['write, unattended after others', 'ask 8', { call: WRITE, labels: READ_OTHERS, mode: unattended }],
  ['write, granted, clean', 'allow 8', { call: WRITE, mode: unattended, grants: [GRANT] }],
  ['write, granted only for clean runs', 'ask 8', { call: WRITE, labels: READ_OTHERS, mode: unattended, grants: [GRANT] }],
  ['write, granted also after others', 'allow 8', { call: WRITE, labels: READ_OTHERS, mode: unattended, grants: [{ ...GRANT, afterThirdParty: true }] }],
  ['write, granted beside it', 'ask 8', { call: WRITE, labels: READ_OTHERS, mode: unattended, grants: [{ ...GRANT, afterThirdParty: true, paths: ['/srv/pap'] }] }],
  ['write of no place, granted', 'ask 8', { call: call('write'), labels: READ_OTHERS, mode: unattended, grants: [{ ...GRANT, afterThirdParty: true }] }],
  ['destructive, though agreed', 'ask 8', { call: { ...WRITE, destructive: true }, mode: AGREED_WRITE }],
  ['destructive, unattended and granted', 'ask 8', { call: { ...WRITE, destructive: true }, mode: unattended, grants: [GRANT] }],

  ['read', 'allow 9', { call: call('read', file('/srv/papers/a.txt', 1)), labels: READ_OTHERS }],
  ["read of the user's own files, which are open to them", 'allow 9', { call: call('read', file('/data/files/anna/a.txt', 1)) }],
  ["read of another user's files", 'deny 3', { call: call('read', file('/data/files/ben/a.txt', 1)) }],
  ["read of a name like the user's own", 'deny 3', { call: call('read', file('/data/files/anna2/a.txt', 1)) }],

  ['flow guard off: after others like before', 'allow 7a', { call: OPEN_FAR, labels: READ_OTHERS, mode: { webOpen: true }, flowGuard: false }],
  ['flow guard off: writing unattended after others', 'allow 8', { call: WRITE, labels: READ_OTHERS, mode: unattended, flowGuard: false }],
  ['flow guard off: the lists stay', 'deny 3', { call: call('send', to('other')), flowGuard: false }],
  ['flow guard off: writing still asks', 'ask 8', { call: WRITE, labels: READ_OTHERS, flowGuard: false }],
] // prettier-ignore

describe('decide', () => {
  for (const [what, expected, { call, labels = CLEAN, mode = {}, grants = [], flowGuard = true }] of TABLE) {
    it(`${what} → ${expected}`, () => {
      const verdict = decide(call, labels, { ...MODE, ...mode }, grants, LISTS, { flowGuard })
      assert.equal(`${verdict.decision} ${verdict.rule}`, expected)
      assert(verdict.reason.endsWith('.'))
    })
  }
})

const hosts = fc.constantFrom('far.example', 'wikipedia.org', 'en.wikipedia.org', 'trusted.example', '10.0.0.7', '127.0.0.1', '[::1]', 'nas.local') // prettier-ignore
const urls = fc.tuple(hosts, fc.constantFrom('', ':8080'), fc.constantFrom('/', '/a?b=c')).map(([host, port, rest]) => `https://${host}${port}${rest}`) // prettier-ignore
const paths = fc.record({
  path: fc.constantFrom('/srv/papers', '/srv/papers/a', '/srv/papers/b/c', '/srv/x', '/data/files/anna/a', '/data/key', '/srv/papers/.x'),
  hardLinks: fc.constantFrom(0, 1, 2),
}) // prettier-ignore
const destinations = fc
  .record({ class: fc.constantFrom('owner', 'listed', 'other', 'unlisted'), full: fc.boolean() })
  .map(({ class: kind, full }) => ({ address: `${kind}0@x.org`, class: kind as 'owner', full }))
const reaches: fc.Arbitrary<Reach> = fc
  .record({
    paths: fc.array(paths, { maxLength: 2 }),
    destinations: fc.array(destinations, { maxLength: 2 }),
    egress: fc.option(
      fc.oneof(
        urls.map((address) => ({ kind: 'url' as const, url: address })),
        fc.constant({ kind: 'engine' as const, host: 'duckduckgo.com' }),
        fc.boolean().map((inHouse) => ({ kind: 'server' as const, name: 'notes', inHouse })),
      ),
      { nil: undefined },
    ),
  })
  .map(({ egress, ...rest }) => (egress ? { ...rest, egress } : rest))
const calls: fc.Arbitrary<PolicyCall> = fc.record({
  tool: fc.constant('tool'),
  operation: fc.constantFrom('one', 'two'),
  effect: fc.constantFrom('read', 'write', 'send', 'execute'),
  destructive: fc.boolean(),
  attendedOnly: fc.boolean(),
  reach: reaches,
})
const sets = (values: fc.Arbitrary<string>) => fc.array(values, { maxLength: 4 }).map((list) => new Set(list))
const scopes = calls.map(scopeOf)
const modes: fc.Arbitrary<Mode> = fc.record({
  attended: fc.boolean(),
  allowedTools: fc.constantFrom(null, [], ['tool'], ['tool.one']),
  paused: fc.boolean(),
  overBudget: fc.boolean(),
  toolCalls: fc.constantFrom(0, 20),
  maxToolCalls: fc.constant(20),
  webOpen: fc.boolean(),
  ownerUrls: sets(urls),
  resultUrls: sets(urls),
  resultFetches: fc.constantFrom(0, 10),
  agreed: sets(scopes),
  denied: sets(calls.map((one) => targetsOf(one)[0]!)),
})
const labels: fc.Arbitrary<Labels> = fc.record({
  integrity: fc.constantFrom('owner', 'third_party'),
  privacy: fc.constantFrom('public', 'private'),
})
const grants: fc.Arbitrary<Grant[]> = fc.array(
  fc.record({
    operation: fc.constantFrom('tool.one', 'tool.two'),
    destinations: fc.constantFrom(
      [],
      ['listed0@x.org'],
      ['owner0@x.org', 'other0@x.org'],
      ['far.example', 'notes', 'unlisted0@x.org'],
    ),
    paths: fc.constantFrom([], ['/srv/papers'], ['/']),
    afterThirdParty: fc.boolean(),
    inConversation: fc.boolean(),
  }),
  { maxLength: 2 },
)
const settings = fc.record({ flowGuard: fc.boolean() })
const RANK = { deny: 0, ask: 1, allow: 2 }
const RUNS = { numRuns: 20_000 }

describe('decide, whatever it is given,', () => {
  it('never becomes laxer by what a run has read', () => {
    const property = fc.property(calls, labels, modes, grants, settings, (one, given, mode, granted, set) => {
      const before = decide(one, given, mode, granted, LISTS, set)
      for (const worse of [{ integrity: 'third_party' as const }, { privacy: 'private' as const }]) {
        const after = decide(one, { ...given, ...worse }, mode, granted, LISTS, set)
        assert(RANK[after.decision] <= RANK[before.decision])
      }
    })
    fc.assert(property, RUNS)
  })

  it('never allows nor asks for what is outside the hard lists', () => {
    const property = fc.property(calls, labels, modes, grants, settings, (one, given, mode, granted, set) => {
      const { paths: touched = [], destinations: sent = [], egress } = one.reach
      const isPrivate = egress?.kind === 'url' && /127\.0\.0\.1|::1|nas\.local|10\.0\.0\.7/.test(egress.url)
      const outside =
        isPrivate ||
        touched.some((fact) => pathRefusal(fact, LISTS) !== undefined) ||
        sent.some(({ class: kind, full }) => kind === 'other' || full === true)
      if (outside) assert.equal(decide(one, given, mode, granted, LISTS, set).decision, 'deny')
    })
    fc.assert(property, RUNS)
  })

  it('after others and without a grant is never laxer while nobody is there', () => {
    const property = fc.property(calls, fc.constantFrom(READ_OTHERS, PUBLIC), modes, (one, given, mode) => {
      const verdict = (attended: boolean) =>
        decide(one, given, { ...mode, attended }, [], LISTS, { flowGuard: true }).decision
      assert(RANK[verdict(false)] <= RANK[verdict(true)])
    })
    fc.assert(property, RUNS)
  })

  it('never allows code, nor what replaces for good', () => {
    const property = fc.property(calls, labels, modes, grants, settings, (one, given, mode, granted, set) => {
      if (one.effect === 'read' || one.effect === 'send') return
      const dangerous = { ...one, destructive: true }
      assert.notEqual(decide(dangerous, given, mode, granted, LISTS, set).decision, 'allow')
    })
    fc.assert(property, RUNS)
  })

  it('gives the same answer again, changes nothing, and refuses exactly what rules 1 to 3 refuse', () => {
    const property = fc.property(calls, labels, modes, grants, settings, (one, given, mode, granted, set) => {
      const copy = structuredClone({ one, given, mode, granted, set })
      const input = frozen(structuredClone(copy))
      const verdict = decide(input.one, input.given, input.mode, input.granted, LISTS, input.set)
      assert.deepEqual(decide(copy.one, copy.given, copy.mode, copy.granted, LISTS, copy.set), verdict)
      assert.deepEqual(input, copy)
      assert.equal(refuse(one, mode, LISTS) !== undefined, verdict.decision === 'deny')
    })
    fc.assert(property, { numRuns: 5_000 })
  })
})

/** Frozen through and through; sets, which cannot be frozen, are compared afterwards. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Set) return value
  for (const inner of Object.values(value)) frozen(inner)
  return Object.freeze(value)
}

describe('what the owner typed', () => {
  const typed: [text: string, ...urls: string[]][] = [
    ['Read https://a.example/x?y=1#z please', 'https://a.example/x?y=1#z'],
    ['HTTPS://A.Example', 'https://a.example/'],
    ['See https://a.example/x.', 'https://a.example/x.', 'https://a.example/x'],
    ['(https://a.example/x), "https://b.example/"', 'https://a.example/x', 'https://b.example/'],
    ['`https://a.example/x`<https://b.example/y>[c](https://c.example/z)', 'https://a.example/x', 'https://b.example/y', 'https://c.example/z'],
    ['“https://a.example/x” und „https://b.example/y“', 'https://a.example/x', 'https://b.example/y'],
    ['https://a.example/?to=https://b.example/', 'https://a.example/?to=https://b.example/'],
    ['xhttps://a.example/ javascript:alert(1) file:///etc/passwd ftp://a.example'],
    ['https://user:password@a.example/'],
    ['https://a.example/%2e%2e/x', 'https://a.example/x'],
    ['https://a.example/a%20b', 'https://a.example/a%20b'],
    ['https://'],
    ['a.example/x'],
  ] // prettier-ignore
  for (const [text, ...expected] of typed) {
    it(`${text} holds ${expected.length === 0 ? 'no address' : expected.join(' and ')}`, () => {
      assert.deepEqual(urlsIn(text), expected)
    })
  }

  it('opens the web with an address or one of the words, and with nothing else', () => {
    for (const text of ['Search for tea', 'look up Bonn', 'what does the web say', 'Go ONLINE', 'https://a.example']) {
      assert(asksForWeb(text), text)
    }
    for (const text of ['My website', 'spiderweb', 'onlineshop', 'research', 'looking up', 'a.example', '']) {
      assert(!asksForWeb(text), text)
    }
  })
})
