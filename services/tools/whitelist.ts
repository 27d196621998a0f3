import { z } from 'zod'
import { operation, type Operation, type Reach, type Tool } from '../agent/tool.ts'
import { asKept, normaliseDomain } from '../domains.ts'
import { AppError } from '../errors.ts'
import type { Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import type { WebEntry } from '../whitelists/web.ts'
import type { Whitelists } from '../whitelists/whitelists.ts'
import { escapedName, quoted } from './wording.ts'

const MOST_LISTED = 500
const OWN: Labels = { integrity: 'owner', privacy: 'private' }
const NOT_ADMIN = 'Only an administrator may change the list of trusted sites. Ask the owner to do it on the page.'

type Args = { domain: string; note?: string | undefined }

export type WhitelistToolDeps = {
  whitelists: Pick<Whitelists, 'web' | 'addWeb' | 'removeWeb'>
  isAdmin: (userId: string) => boolean
}

/** The list of trusted sites, for administrators. Changing it is only done while the owner is there, and is always asked. */
export function createWhitelistTool({ whitelists, isAdmin }: WhitelistToolDeps): Tool {
  const entryOf = (domain: string): WebEntry | undefined => whitelists.web().find((entry) => entry.domain === domain)

  /** The domain as the list keeps it is what the approval is bound to. */
  async function reachOf({ domain }: Args, userId: string): Promise<Reach> {
    if (!isAdmin(userId)) throw new AppError('forbidden', NOT_ADMIN)
    return { pins: [await normaliseDomain(domain)] }
  }

  const changing = {
    effect: 'write',
    destructive: true,
    attendedOnly: true,
    yields: OWN,
    recovery: 'verify',
    inspect: reachOf,
  } satisfies Partial<Operation<Args>>
  const list = operation<Record<string, never>>({
    description: 'List trusted sites',
    input: lazy(() => z.strictObject({})),
    effect: 'read',
    destructive: false,
    attendedOnly: false,
    yields: OWN,
    recovery: 'redo',
    inspect: () => ({}),
    describe: () => 'List the trusted sites.',
    run: async () => ({ content: listed(whitelists.web()), summary: `${whitelists.web().length} sites` }),
  })
  const add = operation<Args>({
    ...changing,
    description: 'Trust a site and its subdomains',
    input: lazy(() => z.strictObject({ domain: Domain(), note: z.string().trim().max(500).optional() })),
    verify: async ({ domain }) => (entryOf(await normaliseDomain(domain)) ? 'done' : 'not_done'),
    describe: ({ domain, note }) =>
      `Put ${shown(domain)} on the list of trusted sites, so that it and its subdomains may be read without asking${note ? `, with the note ${quoted(note)}` : ''}.`,
    run: async (args, { userId, runId }, { pins: [domain = ''] = [] }) => {
      whitelists.addWeb({ domain, note: args.note }, { userId, name: `run:${runId}` })
      return { content: `${domain} is on the list of trusted sites now.`, summary: `Trusts ${domain}` }
    },
  })
  const remove = operation<Args>({
    ...changing,
    description: 'Trust a site no longer',
    input: lazy(() => z.strictObject({ domain: Domain() })),
    verify: async ({ domain }) => (entryOf(await normaliseDomain(domain)) ? 'not_done' : 'done'),
    describe: ({ domain }) => `Take ${shown(domain)} off the list of trusted sites.`,
    run: async (_args, { userId, runId }, { pins: [domain = ''] = [] }) => {
      whitelists.removeWeb(domain, { userId, name: `run:${runId}` })
      return { content: `${domain} is no longer on the list of trusted sites.`, summary: `No longer trusts ${domain}` }
    },
  })

  return {
    name: 'whitelist',
    description: 'The trusted sites.',
    operations: { list_domains: list, add_domain: add, remove_domain: remove },
    known: (userId) => (isAdmin(userId) ? undefined : ''),
  }
}

const Domain = lazy(() => z.string().trim().min(1).max(253))

const shown = (domain: string): string => quoted(asKept(domain.replace(/^\*\./, '').replace(/\.$/, '')), 253)

function listed(entries: readonly WebEntry[]): string {
  if (entries.length === 0) return 'No site is trusted yet.'
  const lines = entries.slice(0, MOST_LISTED).map(({ domain, note, private_ok }) => {
    const more = private_ok ? ', also after private reading' : ''
    return `${domain}${more}${note === '' ? '' : `: ${escapedName(note)}`}`
  })
  const rest = entries.length - lines.length
  return [...lines, ...(rest > 0 ? [`… and ${rest} more.`] : [])].join('\n')
}
