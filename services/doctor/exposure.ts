import { isIP } from 'node:net'
import { isLoopback, type Config } from '../config.ts'
import { isPublicAddress } from '../outgoing/ranges.ts'
import { about, type Check, type Finding } from './finding.ts'

const MANY_PRIVATE_HOSTS = 10
const METADATA = /^(169\.254\.|\[fd00:ec2:|\[fe[89ab]|168\.63\.129\.16:|100\.100\.100\.200:)/

/** Whether passwords and cookies can cross a network in the clear. */
export const encryption: Check = ({ config, inContainer }) => {
  if (isLoopback(config.host) || config.publicUrl?.protocol === 'https:') return []
  if (config.trustProxy !== false) return [proxyWithoutHttps(config)]
  return [
    {
      id: 'plain-http',
      severity: inContainer ? 'warning' : 'critical',
      title: 'Steward listens beyond this machine without encryption.',
      detail: inContainer
        ? `HOST=${config.host} inside a container: who can reach it depends on how its port is published.`
        : `HOST=${config.host} with ALLOW_PLAIN_HTTP=1: passwords, cookies and conversations can be read on the way.`,
      fix: 'Put a TLS proxy in front and set PUBLIC_URL=https://… and TRUST_PROXY, or listen on 127.0.0.1 only.',
    },
  ]
}

function proxyWithoutHttps(config: Config): Finding {
  return {
    id: 'proxy-without-https',
    severity: 'warning',
    title: 'Nothing says that the proxy in front encrypts.',
    detail: `TRUST_PROXY is set, and PUBLIC_URL is ${config.publicUrl?.origin ?? 'not set'}.`,
    fix: 'Set PUBLIC_URL to the https address of the proxy: cookies are then marked Secure, and browsers told to stay on HTTPS.',
  }
}

/** Whether Steward knows where requests really come from, on which the limits for guessing rest. */
export const addresses: Check = ({ config }) => {
  if (config.trustProxy === true && !isLoopback(config.host)) {
    return [
      {
        id: 'trust-proxy-all',
        severity: 'warning',
        title: 'Whoever reaches Steward directly can say what address they come from.',
        detail: 'TRUST_PROXY=true believes every X-Forwarded-For, so limits for each address can be got around.',
        fix: "Set TRUST_PROXY to the proxy's address, or to the number of proxies in front.",
      },
    ]
  }
  if (config.trustProxy !== false || config.publicUrl?.protocol !== 'https:') return []
  return [
    {
      id: 'trust-proxy-missing',
      severity: 'info',
      title: 'All visitors seem to come from the proxy.',
      detail: 'PUBLIC_URL is https and TRUST_PROXY is not set, so failed sign-ins of all visitors count together.',
      fix: "Set TRUST_PROXY to the proxy's address, for instance loopback.",
    },
  ]
}

/** What of the private network a model may reach. */
export const privateHosts: Check = ({ config }) => {
  const hosts = [...config.allowedPrivateHosts]
  const fix = 'Take out of ALLOWED_PRIVATE_HOSTS whatever no page that you want to read is on.'
  const metadata = hosts.filter((host) => METADATA.test(host))
  const loopback = hosts.filter((host) => isLoopback(bare(host)))
  const rest = hosts.filter((host) => !metadata.includes(host) && !loopback.includes(host))
  return [
    ...about(metadata, {
      id: 'private-hosts-metadata',
      severity: 'critical',
      title: 'A model may reach the metadata service of the cloud, which gives out credentials.',
      detail: (list) => `ALLOWED_PRIVATE_HOSTS holds ${list}.`,
      fix,
    }),
    ...about(loopback, {
      id: 'private-hosts-loopback',
      severity: 'warning',
      title: 'A model may reach services of this machine that trust whoever is on it.',
      detail: (list) => `ALLOWED_PRIVATE_HOSTS holds ${list}.`,
      fix,
    }),
    ...about(rest, {
      id: 'private-hosts',
      severity: rest.length > MANY_PRIVATE_HOSTS ? 'warning' : 'info',
      title: 'A model may reach some hosts of your own network.',
      detail: (list) => `ALLOWED_PRIVATE_HOSTS holds ${list}.`,
      fix,
    }),
    ...about(rest.filter(isPublicPlace), {
      id: 'private-hosts-public',
      severity: 'info',
      title: 'Some hosts are listed as private and are public.',
      detail: (list) => `ALLOWED_PRIVATE_HOSTS holds ${list}, which needs no entry.`,
      fix,
    }),
  ]
}

const bare = (host: string): string => host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')

function isPublicPlace(host: string): boolean {
  return isIP(bare(host)) !== 0 && isPublicAddress(bare(host))
}
