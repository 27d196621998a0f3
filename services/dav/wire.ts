import type { DAVResponse } from 'tsdav'
import { AppError } from '../errors.ts'
import type { OwnServers } from '../outgoing/own-servers.ts'
import { siteOf } from '../domains.ts'
import { bareHost } from '../outgoing/addresses.ts'
import type { DavAccount } from './account-rows.ts'
import { NotHere, refusedBy, withAdvice } from './faults.ts'

const MIB = 1024 * 1024
const MOST_BYTES = 16 * MIB
const MOST_HOPS = 5
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** What a server says of one resource; `props` by the local names of their elements in camel case. */
export type Resource = { url: string; status: number; props: Record<string, unknown> }
/** A resource with what is in it. */
export type Stored = { url: string; etag: string; data: string }

export type Wire = ReturnType<typeof createWire>

type WireDeps = { servers: OwnServers; anywhere: boolean; password: string; signal: AbortSignal }

/**
 * WebDAV with the password of one account (RFC 4918, 4791, 6352). The password goes to the account's own host, and by https to
 * others of the same site, as services that spread over several hosts need it; nowhere else, whatever the server says.
 */
export function createWire(account: Pick<DavAccount, 'url' | 'username' | 'tlsCa'>, deps: WireDeps) {
  const home = new URL(account.url)
  const authorization = `Basic ${Buffer.from(`${account.username}:${deps.password}`).toString('base64')}`

  async function assertOwn(url: string): Promise<void> {
    const to = new URL(url)
    if (to.origin === home.origin) return
    const same = (await siteOf(bareHost(to.hostname))) === (await siteOf(bareHost(home.hostname)))
    if (same && to.protocol === 'https:') return
    throw new NotHere(
      'upstream_refused',
      `${home.host} sends on to ${to.host}, which is another site; the password is not told there. If it is right, give https://${to.host}/ as the address of the account.`,
    )
  }

  async function once(url: string, init: RequestInit): Promise<Response> {
    await assertOwn(url)
    const headers = { ...plain(init.headers), authorization }
    try {
      const {
        status,
        headers: sent,
        body,
      } = await deps.servers.request(url, {
        method: init.method ?? 'GET',
        headers,
        body: init.body as string | undefined,
        signal: deps.signal,
        maxBytes: MOST_BYTES,
        anywhere: deps.anywhere,
        ca: account.tlsCa ?? undefined,
      })
      return answered(url, status, sent, body)
    } catch (error) {
      throw withAdvice(error)
    }
  }

  /** Follows where the server sends on to, for questions only. */
  async function following(url: string, init: RequestInit): Promise<Response> {
    let at = url
    for (let hop = 0; hop <= MOST_HOPS; hop++) {
      const response = await once(at, init)
      const location = REDIRECTS.has(response.status) ? response.headers.get('location') : null
      if (location === null || !URL.canParse(location, at)) return response
      at = new URL(location, at).href
    }
    throw new AppError('upstream_failed', `${new URL(url).host} sends on more than ${MOST_HOPS} times.`)
  }

  /** Throws what is no multistatus, saying what was asked. */
  function resources(all: DAVResponse[], at: string, doing: string): Resource[] {
    const [first] = all
    if (first && first.props === undefined && first.status >= 300) throw refusedBy(at, first.status, doing)
    if (first && first.props === undefined && typeof first.raw === 'string' && first.raw !== '')
      throw new NotHere(
        'upstream_failed',
        `${new URL(at).host} does not answer as a server of calendars does (${doing}).`,
      )
    return all
      .filter(({ href }) => href !== undefined)
      .map(({ href, status, props = {} }) => ({ url: new URL(String(href), at).href, status, props }))
  }

  return {
    /** `at`: where the answer came from, after redirects. Throws with words on what was asked. */
    async propfind(
      url: string,
      props: Record<string, object>,
      depth: '0' | '1',
      doing: string,
    ): Promise<{ at: string; found: Resource[] }> {
      const { propfind } = await import('tsdav')
      let at = url
      const fetch = async (to: string, init: RequestInit) => {
        const response = await following(to, init)
        at = response.url
        return response
      }
      const all = await propfind({ url, props, depth, fetch: fetch as never })
      return { at, found: resources(all, at, doing) }
    },

    /** Objects of a collection with what is in them. Throws where the answer is no list. */
    async report(url: string, body: { calendar: object } | { addressBook: object }, doing: string): Promise<Stored[]> {
      const { addressBookQuery, calendarQuery } = await import('tsdav')
      const fetch = async (to: string, init: RequestInit) => {
        const response = await once(to, init)
        if (response.status >= 300) throw refusedBy(to, response.status, doing)
        return response
      }
      const asked = { url, depth: '1' as const, fetch: fetch as never }
      const all =
        'calendar' in body
          ? await calendarQuery({ ...asked, props: { 'd:getetag': {}, 'c:calendar-data': {} }, filters: body.calendar })
          : await addressBookQuery({
              ...asked,
              props: { 'd:getetag': {}, 'card:address-data': ADDRESS_DATA },
              filters: body.addressBook,
            })
      return resources(all, url, doing).flatMap(({ url: at, props }) => {
        const data = textOf(props.calendarData ?? props.addressData)
        return data === '' ? [] : [{ url: at, etag: textOf(props.getetag), data }]
      })
    },

    async get(url: string, doing: string): Promise<Stored> {
      const response = await once(url, { headers: {} })
      if (!response.ok) throw refusedBy(url, response.status, doing)
      return { url, etag: response.headers.get('etag') ?? '', data: await response.text() }
    },

    /** Whether there is something. */
    async has(url: string, doing: string): Promise<boolean> {
      const { status } = await once(url, { headers: {} })
      if (status === 404 || status === 410) return false
      if (status >= 400) throw refusedBy(url, status, doing)
      return true
    },

    /** Answers the status: 412 where it is not (or no longer) what `when` says. Throws for any other refusal. */
    async put(
      url: string,
      data: string,
      type: string,
      when: { match: string } | 'new',
      doing: string,
    ): Promise<number> {
      const { createObject } = await import('tsdav')
      const condition: Record<string, string> = when === 'new' ? { 'If-None-Match': '*' } : { 'If-Match': when.match }
      const { status } = await createObject({
        url,
        data,
        headers: { 'content-type': type, ...condition },
        fetch: once as never,
      })
      if (status !== 412 && (status < 200 || status >= 300)) throw refusedBy(url, status, doing)
      return status
    },

    async remove(url: string, etag: string, doing: string): Promise<number> {
      const { deleteObject } = await import('tsdav')
      const { status } = await deleteObject({ url, headers: { 'If-Match': etag }, fetch: once as never })
      if (status !== 412 && (status < 200 || status >= 300)) throw refusedBy(url, status, doing)
      return status
    },
  }
}

/** Everything of a card but pictures, sounds and keys, where the server can leave them out. */
const ADDRESS_DATA = {
  'card:prop': [
    'VERSION',
    'UID',
    'FN',
    'N',
    'NICKNAME',
    'ORG',
    'TITLE',
    'ROLE',
    'EMAIL',
    'TEL',
    'ADR',
    'URL',
    'BDAY',
    'NOTE',
    'CATEGORIES',
    'IMPP',
    'KIND',
  ].map((name) => ({ _attributes: { name } })),
}

/** What stands in an element. @NOTE the parser makes numbers of what looks like one, and keeps CDATA apart. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'object') return String(value)
  const { _cdata: cdata, _text: text } = value as { _cdata?: unknown; _text?: unknown }
  return [cdata ?? text ?? ''].flat().join('')
}

function plain(headers: RequestInit['headers']): Record<string, string> {
  return Object.fromEntries(new Headers(headers ?? {}))
}

/** @NOTE a Response of our own has no url. */
function answered(url: string, status: number, headers: Headers, body: Buffer): Response {
  const empty = [204, 205, 304].includes(status)
  const kept = new Headers(headers)
  kept.delete('content-encoding')
  const response = new Response(empty ? null : new Uint8Array(body), { status, headers: kept })
  return Object.defineProperty(response, 'url', { value: url })
}
