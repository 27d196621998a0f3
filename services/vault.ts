import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'

/** Where a sealed value belongs; it opens nowhere else (bound as associated data, NIST SP 800-38D). */
export type Place = { table: string; row: string; field: string }

export type Vault = ReturnType<typeof createVault>

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** The keys of a master key that was rotated away: what they signed must stay verifiable. By purpose, in base64. */
export type RetiredKeys = Record<string, string>

/** What of a retired master key is kept. With these nothing can be opened. */
const KEPT_PURPOSES = ['audit']

/**
 * Encrypts what must not be read from a stolen database: AES-256-GCM with a random nonce,
 * `v1.<key id>.<nonce>.<data+tag>`, parts in base64url.
 * `seal` and `open` are inverse for the same Place; `open` throws for another place, another key or a changed byte.
 * `derive` gives 32 bytes for another purpose (RFC 5869, HKDF-SHA-256), so that no key serves two; `deriveAll` those of
 * this and of every earlier master key, the newest first. All of it follows a rotation (`become`) at once.
 */
export function createVault(masterKey: Buffer, retiredKeys: readonly RetiredKeys[] = []) {
  let keys = keysOf(masterKey)
  let retired = retiredKeys
  const listeners = new Set<() => void>()

  function derive(purpose: string): Buffer {
    const known = keys.derived.get(purpose) ?? deriveFrom(keys.masterKey, purpose)
    keys.derived.set(purpose, known)
    return known
  }

  return {
    get keyId(): string {
      return keys.id
    },
    derive,
    deriveAll: (purpose: string): Buffer[] => [
      derive(purpose),
      ...retired.flatMap(({ [purpose]: key }) => (key === undefined ? [] : [Buffer.from(key, 'base64')])),
    ],
    seal: (value: string, place: Place): string => sealWith(keys, value, place),
    open: (sealed: string, place: Place): string => openWith(keys, sealed, place),
    recoveryKey: (): string => keys.masterKey.toString('base64'),

    /** What a later master key keeps of this one and of those before it, the newest first. */
    retire: (): RetiredKeys[] => [
      Object.fromEntries(KEPT_PURPOSES.map((purpose) => [purpose, derive(purpose).toString('base64')])),
      ...retired,
    ],

    /** From now on another master key, with what it keeps of those before. */
    become(next: Buffer, retiredNow: readonly RetiredKeys[]): void {
      keys = keysOf(next)
      retired = retiredNow
      for (const listener of listeners) listener()
    },

    /** Told after each rotation. */
    onRotated: (listener: () => void): void => void listeners.add(listener),

    /** The master key and what is derived from it, each with a name; none of it may ever be shown. */
    secrets: (): [name: string, value: string][] => [
      ...spellings('master key', keys.masterKey),
      ...['vault', 'session', 'audit'].flatMap((purpose) => spellings(`${purpose} key`, derive(purpose))),
    ],
  }
}

const spellings = (name: string, key: Buffer) =>
  (['base64', 'base64url', 'hex'] as const).map((form): [string, string] => [name, key.toString(form)])

type Keys = { masterKey: Buffer; key: Buffer; id: string; derived: Map<string, Buffer> }

function keysOf(masterKey: Buffer): Keys {
  const id = createHash('sha256').update(deriveFrom(masterKey, 'key-id')).digest('hex').slice(0, 8)
  return { masterKey, key: deriveFrom(masterKey, 'vault'), id, derived: new Map() }
}

const deriveFrom = (masterKey: Buffer, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', masterKey, '', `steward/${purpose}`, 32))

function sealWith({ key, id }: Keys, value: string, place: Place): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(boundTo(place))
  const sealed = Buffer.concat([cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `v1.${id}.${nonce.toString('base64url')}.${sealed.toString('base64url')}`
}

function openWith(keys: Keys, sealed: string, place: Place): string {
  const [version, id, nonce, data] = sealed.split('.')
  if (version !== 'v1' || id !== keys.id || !nonce || !data) throw new Error(`Not sealed with this key: ${place.table}`)
  const bytes = Buffer.from(data, 'base64url')
  const decipher = createDecipheriv('aes-256-gcm', keys.key, Buffer.from(nonce, 'base64url'))
  decipher.setAAD(boundTo(place))
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]).toString('utf8')
}

function boundTo(place: Place): Buffer {
  return Buffer.from(JSON.stringify(['steward', place.table, place.row, place.field]))
}
