import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { resolve } from 'node:path'

/** The environment could not be used; the message is one line that names the variable and what is expected. */
export class ConfigError extends Error {}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
const LOG_LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

const SECRETS = [
  'STEWARD_MASTER_KEY',
  'NEW_STEWARD_MASTER_KEY',
  'CRON_SECRET',
  'ANTHROPIC_API_KEY',
  'OPENROUTER_API_KEY',
  'OPENAI_API_KEY',
]

export type Config = ReturnType<typeof readConfig>

/**
 * Turns the environment into checked values. Empty values count as unset; a secret may come as NAME_FILE.
 * `cwd` is what relative paths start from. Throws ConfigError.
 */
export function readConfig(environment: Record<string, string | undefined>, cwd = process.cwd()) {
  const env = withSecretFiles(withoutEmpty(environment))
  const config = {
    host: host(env.HOST),
    port: port(env.PORT),
    dataDir: resolve(cwd, env.DATA_DIR ?? 'data'),
    masterKey: masterKey('STEWARD_MASTER_KEY', env.STEWARD_MASTER_KEY),
    /** Read by npm run rotate-key alone. */
    newMasterKey: masterKey('NEW_STEWARD_MASTER_KEY', env.NEW_STEWARD_MASTER_KEY),
    /** Where the master key was read from, if it was from a file that was named. */
    masterKeyFile: env.STEWARD_MASTER_KEY_FILE,
    publicUrl: publicUrl(env.PUBLIC_URL),
    allowPlainHttp: flag('ALLOW_PLAIN_HTTP', env.ALLOW_PLAIN_HTTP),
    allowedHosts: list(env.ALLOWED_HOSTS).map((name) => hostName('ALLOWED_HOSTS', name)),
    trustProxy: trustProxy(env.TRUST_PROXY),
    timezone: timezone(env.TZ),
    /** Where programs are looked for. */
    programPath: env.PATH ?? '',
    logLevel: logLevel(env.LOG_LEVEL),
    cronSecret: env.CRON_SECRET,
    allowedPrivateHosts: new Set(list(env.ALLOWED_PRIVATE_HOSTS).map(hostAndPort)),
    firstKeys: {
      'system:anthropic_api_key': env.ANTHROPIC_API_KEY,
      'system:openrouter_api_key': env.OPENROUTER_API_KEY,
      'system:openai_api_key': env.OPENAI_API_KEY,
    },
    baseUrls: {
      anthropic: baseUrl('ANTHROPIC_BASE_URL', env.ANTHROPIC_BASE_URL),
      openrouter: baseUrl('OPENROUTER_BASE_URL', env.OPENROUTER_BASE_URL),
      openai: baseUrl('OPENAI_BASE_URL', env.OPENAI_BASE_URL),
      ollama: baseUrl('OLLAMA_BASE_URL', env.OLLAMA_BASE_URL),
    },
    chromiumPath: env.CHROMIUM_PATH,
    telegramApiRoot: baseUrl('TELEGRAM_API_ROOT', env.TELEGRAM_API_ROOT),
  }
  refuseOpenDoor(config)
  return config
}

export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))
}

function refuseOpenDoor(config: {
  host: string
  publicUrl: URL | undefined
  trustProxy: unknown
  allowPlainHttp: boolean
}): void {
  if (isLoopback(config.host) || config.allowPlainHttp) return
  if (config.publicUrl?.protocol === 'https:' || config.trustProxy !== false) return
  throw new ConfigError(
    `HOST=${config.host} would let other machines in without encryption. Put a TLS proxy in front and set PUBLIC_URL=https://… (and TRUST_PROXY), or set ALLOW_PLAIN_HTTP=1 if your network is trusted, or leave HOST at 127.0.0.1.`,
  )
}

function withoutEmpty(env: Record<string, string | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''))
}

function withSecretFiles(env: Record<string, string | undefined>): Record<string, string | undefined> {
  const result = { ...env }
  for (const name of SECRETS) {
    const file = env[`${name}_FILE`]
    if (file !== undefined) result[name] = env[name] ?? readSecret(`${name}_FILE`, file)
  }
  return result
}

function readSecret(name: string, file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch {
    throw new ConfigError(`${name}=${file} cannot be read; expected the path of a file that holds the secret.`)
  }
}

function list(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function host(value = '127.0.0.1'): string {
  if (isIP(value) || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(value)) return value
  throw new ConfigError(
    `HOST=${value} is not an IP address or host name; expected something like 127.0.0.1 or 0.0.0.0.`,
  )
}

function port(value = '8080'): number {
  const number = Number(value)
  if (/^\d+$/.test(value) && number <= 65535) return number
  throw new ConfigError(`PORT=${value} is not a port; expected a whole number from 0 to 65535 (0 picks a free one).`)
}

function masterKey(name: string, value: string | undefined): Buffer | undefined {
  if (value === undefined) return undefined
  const key = Buffer.from(value.trim(), 'base64')
  if (/^[A-Za-z0-9+/_-]+=*$/.test(value.trim()) && key.length === 32) return key
  throw new ConfigError(`${name} is not a key; expected 32 bytes in base64 (make one: openssl rand -base64 32).`)
}

function publicUrl(value: string | undefined): URL | undefined {
  if (value === undefined) return undefined
  const url = URL.parse(value)
  const plain = url && (url.protocol === 'https:' || url.protocol === 'http:') && url.pathname === '/' && !url.search
  if (url && plain && !url.hash && !url.username) return url
  throw new ConfigError(
    `PUBLIC_URL=${value} is not usable; expected an address without a path, like https://steward.example.org.`,
  )
}

function baseUrl(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  const url = URL.parse(value)
  if (url && (url.protocol === 'https:' || url.protocol === 'http:')) return value.replace(/\/+$/, '')
  throw new ConfigError(`${name}=${value} is not a web address; expected one that starts with https:// or http://.`)
}

function flag(name: string, value = '0'): boolean {
  if (['1', 'true', 'yes', 'on'].includes(value.toLowerCase())) return true
  if (['0', 'false', 'no', 'off'].includes(value.toLowerCase())) return false
  throw new ConfigError(`${name}=${value} is not a switch; expected 1 or 0.`)
}

function hostName(variable: string, value: string): string {
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(value) || isIP(value)) return value.toLowerCase()
  throw new ConfigError(`${variable} holds "${value}", which is not a host name; expected names separated by commas.`)
}

function hostAndPort(value: string): string {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+):(\d{1,5})$/i.exec(value)
  if (match && Number(match[2]) <= 65535) return value.toLowerCase()
  throw new ConfigError(
    `ALLOWED_PRIVATE_HOSTS holds "${value}"; expected host:port pairs separated by commas, like nas.lan:443.`,
  )
}

/** As Express defines `trust proxy`: true, false, a number of hops, or names and subnets separated by commas. */
function trustProxy(value: string | undefined): boolean | number | string {
  if (value === undefined || value === 'false') return false
  if (value === 'true') return true
  if (/^\d+$/.test(value)) return Number(value) || false
  if (list(value).every(isTrustedNet)) return value
  throw new ConfigError(
    `TRUST_PROXY=${value} is not usable; expected true, a number of hops, or addresses and subnets separated by commas (loopback, linklocal and uniquelocal are names for some).`,
  )
}

function isTrustedNet(part: string): boolean {
  const [address = '', bits] = part.split('/')
  if (['loopback', 'linklocal', 'uniquelocal'].includes(part)) return true
  const most = { 0: 0, 4: 32, 6: 128 }[isIP(address)]!
  return most > 0 && (bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= most))
}

function timezone(value: string | undefined): string {
  const system = knownZone(Intl.DateTimeFormat().resolvedOptions().timeZone)
  if (value === undefined) return system
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value.replace(/^:/, '') }).resolvedOptions().timeZone
  } catch {
    throw new ConfigError(`TZ=${value} is not a time zone; expected an IANA name like Europe/Berlin.`)
  }
}

function logLevel(value = 'info'): LogLevel {
  if (LOG_LEVELS.includes(value)) return value as LogLevel
  throw new ConfigError(`LOG_LEVEL=${value} is not a level; expected one of ${LOG_LEVELS.join(', ')}.`)
}

/** Where the system has no zone, ICU names one that it does not take back. */
function knownZone(name: string): string {
  return name === 'Etc/Unknown' ? 'UTC' : name
}
