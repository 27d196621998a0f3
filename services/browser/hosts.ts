import { siteOf } from '../domains.ts'
import { hostKey } from '../outgoing/addresses.ts'

export type Hosts = ReturnType<typeof createHosts>

/**
 * Which hosts one page of a run may reach. `decided`: the policy allowed a page there; its whole site goes with it (one
 * owner, by the Public Suffix List), on the same port. `further`: pictures, scripts and the like of others, each decided by
 * itself; closed for good once the page `holds` something of the owner's. With `domain`, nothing outside it is ever reached.
 */
export function createHosts(domain?: string) {
  const decided = new Map<string, string>()
  const further = new Set<string>()
  let holds = false

  async function isDecided(host: string): Promise<boolean> {
    if (decided.has(host)) return true
    const { hostname, port } = partsOf(host)
    if (domain !== undefined && !covers(domain, hostname)) return false
    const site = await siteOf(hostname)
    return [...decided].some(([other, ofSite]) => ofSite === site && samePort(partsOf(other).port, port))
  }

  return {
    /** The policy allowed a page of this address. */
    async decide(url: string): Promise<void> {
      const { hostname } = new URL(url)
      if (domain === undefined || covers(domain, hostname)) decided.set(hostKey(url), await siteOf(hostname))
    },

    /** The policy allowed a part of a page to come from there. */
    allowPart: (url: string): void => void further.add(hostKey(url)),

    isDecided,
    mayReach: async (host: string): Promise<boolean> => (!holds && further.has(host)) || (await isDecided(host)),

    /** Whether parts from other sites may still be asked for. */
    takesParts: (): boolean => !holds && domain === undefined,

    /** From now on there is something of the owner's in it, which no other site is to learn. */
    hold(): void {
      holds = true
      further.clear()
    },
  }
}

/** A domain covers itself and its subdomains. */
export function covers(domain: string, host: string): boolean {
  return host === domain || host.endsWith(`.${domain}`)
}

function partsOf(host: string): { hostname: string; port: string } {
  const at = host.lastIndexOf(':')
  return { hostname: host.slice(0, at), port: host.slice(at + 1) }
}

/** Sites send on from http to https. */
function samePort(a: string, b: string): boolean {
  return a === b || ([a, b].includes('80') && [a, b].includes('443'))
}
