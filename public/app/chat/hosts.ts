import { parseUrl } from '../urls.ts'
import type { Item } from './items.ts'

const ADDRESS =
  /(?:https?:\/\/)?((?:[\p{L}\p{N}_-]+\.)+[\p{L}\p{N}-]{2,}|localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]+\])(?::\d+)?/giu

/**
 * The hosts the owner named in the conversation. In an answer that may hold words of others, only links to these can be
 * clicked: any other address could carry out what the answer knows.
 */
export function namedHosts(items: Item[]): ReadonlySet<string> {
  const hosts = new Set<string>()
  for (const item of items) {
    if (item.kind !== 'user' || item.by !== 'web') continue
    for (const [, host] of item.content.matchAll(ADDRESS)) if (host) hosts.add(plainHost(host))
  }
  return hosts
}

/** Lower case, without `www.`, in the form that URLs have. */
export const plainHost = (host: string): string =>
  (parseUrl(`http://${host}`)?.hostname ?? host.toLowerCase()).replace(/^www\./, '')
