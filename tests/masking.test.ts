import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { openDb } from '../db/open.ts'
import type { AuditDraft } from '../services/audit.ts'
import { createCredentials, type Credentials } from '../services/credentials.ts'
import { createVault } from '../services/vault.ts'

/** Known secrets are taken out of every text, however they are written in it. */

const OWNER = { userId: null, name: 'web:anna' }
let credentials: Credentials
let audited: AuditDraft[]

beforeEach(() => {
  audited = []
  const db = openDb(':memory:', { schemaDir: join(import.meta.dirname, '..', 'db'), backupDir: tmpdir() })
  credentials = createCredentials({
    db,
    now: () => new Date(),
    vault: createVault(randomBytes(32)),
    audit: { record: (entry) => void audited.push(entry) },
  })
})

const keep = (key: string, value: string) => credentials.set({ key, value }, OWNER)

describe('masking', () => {
  for (const value of [
    'a plain value',
    'with "quotes" in it',
    'back\\slash\\es',
    '-----BEGIN KEY-----\nabc\n-----END KEY-----',
    'tab\tand ünïcode 🔑',
  ]) {
    it(`finds ${JSON.stringify(value)} as it is and inside JSON, which stays JSON`, () => {
      keep('mine', value)
      assert.equal(credentials.mask(`before ${value} after ${value}`), 'before [mine] after [mine]')
      const line = JSON.stringify({ err: { message: `refused: ${value}` } })
      assert.deepEqual(JSON.parse(credentials.mask(line)), { err: { message: 'refused: [mine]' } })
    })
  }

  it('leaves nothing of a value that begins with another', () => {
    keep('a:short', 'sk-12345678')
    keep('b:long', 'sk-12345678-and-more')
    assert.equal(credentials.mask('sk-12345678-and-more, sk-12345678'), '[b:long], [a:short]')
  })

  it('writes the name of the key letter by letter', () => {
    keep('$&$1', 'a plain value')
    assert.equal(credentials.mask('a plain value'), '[$&$1]')
  })

  it('knows a value from the moment it is set until it is removed, and lets short ones be', () => {
    keep('mine', 'first value')
    assert.equal(credentials.mask('first value'), '[mine]')
    keep('mine', 'second value')
    assert.equal(credentials.mask('first value, second value'), 'first value, [mine]')
    credentials.remove('mine', OWNER)
    assert.equal(credentials.mask('second value'), 'second value')
    keep('pin', '1234567')
    assert.equal(credentials.mask('1234567'), '1234567')
  })
})

describe('keys from the environment', () => {
  it('are copied where the vault has none, and that is audited', () => {
    keep('system:openai_api_key', 'the owner’s own')
    audited.length = 0
    const environment = {
      'system:openai_api_key': 'from outside',
      'system:anthropic_api_key': 'sk-ant-outside',
      'system:openrouter_api_key': undefined,
    }
    credentials.adopt(environment)
    credentials.adopt(environment)
    assert.equal(credentials.find('system:openai_api_key'), 'the owner’s own')
    assert.equal(credentials.find('system:anthropic_api_key'), 'sk-ant-outside')
    assert.equal(credentials.find('system:openrouter_api_key'), undefined)
    assert.deepEqual(
      audited.map(({ kind, action, subject, by }) => [kind, action, subject, by.name]),
      [['credential', 'set', 'system:anthropic_api_key', 'system']],
    )
  })

  it('stay removed here, also while the environment still names them', () => {
    const environment = { 'system:anthropic_api_key': 'sk-ant-outside' }
    credentials.adopt(environment)
    credentials.remove('system:anthropic_api_key', OWNER)
    assert.equal(credentials.find('system:anthropic_api_key'), undefined)
    credentials.adopt(environment)
    assert.equal(credentials.find('system:anthropic_api_key'), undefined)
  })
})
