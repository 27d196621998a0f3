import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { anotherUser } from './peers/database.ts'
import { DOVECOT_MISSING, startDovecot, type Dovecot } from './peers/dovecot.ts'
import { EXIM_MISSING, startExim, type Exim } from './peers/exim.ts'
import { refused } from './peers/refused.ts'
import { makeKey, startSteward, type Client, type Steward } from './steward.ts'

const ACCOUNTS = '/api/email-accounts'
const READING = {
  label: 'Work',
  account_type: 'trigger',
  imap_host: 'mail.example.com',
  imap_username: 'user@example.com',
  imap_password: 'hunter2-hunter2',
}
const SEED = {
  ...READING,
  imap_port: 993,
  smtp_host: 'mail.example.com',
  smtp_port: 465,
  smtp_username: 'user@example.com',
  smtp_password: 'another-password',
  enabled: false,
}

let steward: Steward
let owner: Client
before(async () => {
  steward = await startSteward()
  owner = steward.owner
})
after(() => steward[Symbol.asyncDispose]())

const add = async (draft: object) => {
  const { status, body } = await owner.post(ACCOUNTS, draft)
  assert.equal(status, 201, JSON.stringify(body))
  return body
}

describe('mail accounts', () => {
  it('are made with the fields of the API reference, listed, read, changed and removed', async () => {
    const made = await add(SEED)
    assert.deepEqual(made, {
      id: made.id,
      label: 'Work',
      account_type: 'trigger',
      enabled: false,
      address: 'user@example.com',
      agent_id: null,
      folders: ['INBOX'],
      extra_tools: [],
      allowed_senders: null,
      authserv_id: null,
      telegram_chat_id: null,
      auth: 'password',
      secure: 'tls',
      tls_ca: null,
      imap_host: 'mail.example.com',
      imap_port: 993,
      imap_secure: 'tls',
      imap_username: 'user@example.com',
      imap_password_set: true,
      smtp_host: 'mail.example.com',
      smtp_port: 465,
      smtp_secure: 'tls',
      smtp_username: 'user@example.com',
      smtp_password_set: true,
      status: 'off',
      last_error: null,
      last_message_at: null,
      created_at: made.created_at,
      updated_at: made.updated_at,
    })
    assert.deepEqual((await owner.get(ACCOUNTS)).body, [made])
    assert.deepEqual((await owner.get(`${ACCOUNTS}/${made.id}`)).body, made)
    assert.deepEqual(
      (await owner.put(`${ACCOUNTS}/${made.id}`, { label: 'Office', folders: ['INBOX', 'Bills'] })).body,
      {
        ok: true,
      },
    )
    const changed = (await owner.get(`${ACCOUNTS}/${made.id}`)).body
    assert.deepEqual([changed.label, changed.folders, changed.imap_password_set], ['Office', ['INBOX', 'Bills'], true])
    assert.deepEqual((await owner.delete(`${ACCOUNTS}/${made.id}`)).body, { ok: true })
    refused(await owner.get(`${ACCOUNTS}/${made.id}`), 404, 'not_found')
    assert.deepEqual((await owner.get(ACCOUNTS)).body, [])
  })

  it('take the usual ports and encryption where nothing is said', async () => {
    const cases: [object, object][] = [
      [{}, { imap_port: 993, imap_secure: 'tls' }],
      [{ secure: 'starttls' }, { imap_port: 143, imap_secure: 'starttls' }],
      [{ imap_port: 143 }, { imap_port: 143, imap_secure: 'starttls' }],
      [
        { smtp_host: 'smtp.example.com', smtp_port: 587 },
        { imap_secure: 'tls', smtp_secure: 'starttls' },
      ],
      [{ smtp_host: 'smtp.example.com' }, { smtp_port: 465, smtp_secure: 'tls', smtp_username: 'user@example.com' }],
      [
        { imap_host: 'localhost', secure: 'none' },
        { imap_port: 143, imap_secure: 'none' },
      ],
    ]
    for (const [given, expected] of cases) {
      const made = await add({ ...READING, ...given })
      for (const [name, value] of Object.entries(expected))
        assert.equal(made[name], value, `${JSON.stringify(given)} ${name}`)
      await owner.delete(`${ACCOUNTS}/${made.id}`)
    }
  })

  it('may only read, or only send', async () => {
    const reading = await add(READING)
    assert.deepEqual([reading.smtp_host, reading.smtp_password_set], [null, false])
    const sending = await add({ label: 'Out', smtp_host: 'smtp.example.com', address: 'me@example.com' })
    assert.deepEqual([sending.imap_host, sending.smtp_username, sending.address], [null, '', 'me@example.com'])
    await owner.put(`${ACCOUNTS}/${reading.id}`, { smtp_host: 'smtp.example.com' })
    const both = (await owner.get(`${ACCOUNTS}/${reading.id}`)).body
    assert.deepEqual([both.smtp_username, both.smtp_password_set], ['user@example.com', true], 'sends as it reads')
    await owner.put(`${ACCOUNTS}/${reading.id}`, { smtp_host: null })
    assert.equal((await owner.get(`${ACCOUNTS}/${reading.id}`)).body.smtp_password_set, false)
    for (const { id } of [reading, sending]) await owner.delete(`${ACCOUNTS}/${id}`)
  })

  for (const [given, field] of [
    [{ label: '' }, 'label'],
    [{ imap_host: null }, 'imap_host'],
    [{ imap_host: 'https://mail.example.com' }, 'imap_host'],
    [{ imap_host: 'mail.example.com:993' }, 'imap_host'],
    [{ imap_port: 0 }, 'imap_port'],
    [{ imap_port: 70_000 }, 'imap_port'],
    [{ secure: 'none' }, 'secure'],
    [{ imap_secure: 'none' }, 'imap_secure'],
    [{ secure: 'ssl' }, 'secure'],
    [{ imap_username: '' }, 'imap_username'],
    [{ imap_username: 'user' }, 'address'],
    [{ address: 'Me <me@example.com>' }, 'address'],
    [{ account_type: 'other' }, 'account_type'],
    [{ account_type: 'handling', imap_host: null, smtp_host: 'smtp.example.com' }, 'imap_host'],
    [{ agent_id: 'nobody' }, 'agent_id'],
    [{ extra_tools: ['nothing'] }, 'extra_tools.0'],
    [{ tls_ca: 'a certificate' }, 'tls_ca'],
    [{ folders: [''] }, 'folders.0'],
    [{ imap_passwd: 'x' }, 'imap_passwd'],
  ] as const)
    it(`refuse ${JSON.stringify(given)} and name the field`, async () => {
      const answer = await owner.post(ACCOUNTS, { ...READING, ...given })
      refused(answer, 400, 'invalid')
      assert.equal(answer.body.detail[0].path, field)
    })

  it('are each user’s own', async () => {
    const made = await add(READING)
    const ben = await anotherUser(steward)
    assert.deepEqual((await ben.get(ACCOUNTS)).body, [])
    for (const answer of [
      await ben.get(`${ACCOUNTS}/${made.id}`),
      await ben.put(`${ACCOUNTS}/${made.id}`, { label: 'mine' }),
      await ben.post(`${ACCOUNTS}/${made.id}/test`),
      await ben.delete(`${ACCOUNTS}/${made.id}`),
    ])
      refused(answer, 404, 'not_found')
    await owner.delete(`${ACCOUNTS}/${made.id}`)
  })

  it('lead inside the house for an administrator only', async () => {
    const ben = await anotherUser(steward)
    for (const host of ['127.0.0.1', 'localhost', '10.0.0.1', 'nas.lan']) {
      const made = (await ben.post(ACCOUNTS, { ...SEED, imap_host: host, smtp_host: host })).body
      const { imap, smtp } = (await ben.post(`${ACCOUNTS}/${made.id}/test`)).body
      assert.match(imap.error, /private address/, host)
      assert.match(smtp.error, /private address/, host)
    }
  })
})

describe('the passwords of mail accounts', () => {
  it('stand in no answer, file, log or audit entry', async () => {
    const made = await add(SEED)
    const texts = [
      JSON.stringify(made),
      (await owner.get(ACCOUNTS)).text,
      (await owner.get('/api/audit')).text,
      steward.output(),
      readFileSync(join(steward.dataDir, 'steward.sqlite'), 'latin1'),
      readFileSync(join(steward.dataDir, 'steward.sqlite-wal'), 'latin1'),
    ]
    for (const password of [SEED.imap_password, SEED.smtp_password])
      for (const text of texts) assert.ok(!text.includes(password))
    await owner.delete(`${ACCOUNTS}/${made.id}`)
  })

  it('are given again where they would go to another host, or in the open', async () => {
    const made = await add(SEED)
    const change = (values: object) => owner.put(`${ACCOUNTS}/${made.id}`, values)
    for (const [values, field] of [
      [{ imap_host: 'evil.example' }, 'imap_password'],
      [{ smtp_host: 'evil.example' }, 'smtp_password'],
      [{ imap_host: 'localhost', imap_secure: 'none' }, 'imap_password'],
    ] as const) {
      const answer = await change(values)
      refused(answer, 400, 'invalid')
      assert.equal(answer.body.detail[0].path, field)
    }
    assert.equal((await change({ imap_host: 'new.example.com', imap_password: 'given again' })).status, 200)
    assert.equal((await change({ imap_port: 1993, label: 'elsewhere' })).status, 200)
    await owner.delete(`${ACCOUNTS}/${made.id}`)
  })

  it('are told to a key of the scope admin as little as to anybody', async () => {
    const made = await add(SEED)
    const admin = steward.anybody(await makeKey(owner, ['read', 'admin']))
    const text = (await admin.get(`${ACCOUNTS}/${made.id}`)).text
    assert.ok(!text.includes(SEED.imap_password))
    refused(await steward.anybody(await makeKey(owner, ['read'])).post(ACCOUNTS, SEED), 403, 'forbidden')
    await owner.delete(`${ACCOUNTS}/${made.id}`)
  })
})

describe('testing a mail account', { skip: DOVECOT_MISSING || EXIM_MISSING }, () => {
  let dovecot: Dovecot
  let exim: Exim
  before(async () => {
    ;[dovecot, exim] = await Promise.all([startDovecot(), startExim()])
  })
  after(async () => {
    await Promise.all([dovecot, exim].map((peer) => peer?.[Symbol.asyncDispose]()))
  })

  const mailbox = (more: object = {}) => ({
    label: 'Test',
    tls_ca: dovecot.ca,
    imap_host: '127.0.0.1',
    imap_port: dovecot.tlsPort,
    imap_username: dovecot.username,
    imap_password: dovecot.password,
    ...more,
  })
  async function tested(draft: object) {
    const { id } = await add(draft)
    const { status, body } = await owner.post(`${ACCOUNTS}/${id}/test`)
    assert.equal(status, 200)
    await owner.delete(`${ACCOUNTS}/${id}`)
    return body
  }

  for (const [name, more] of [
    ['TLS', () => ({})],
    ['STARTTLS', () => ({ imap_port: dovecot.port, secure: 'starttls' })],
    ['plain text on this machine', () => ({ imap_port: dovecot.port, secure: 'none' })],
  ] as const)
    it(`signs in by ${name} and names the folders`, async () => {
      const { imap, smtp } = await tested(mailbox(more()))
      assert.deepEqual(
        { ...imap, folders: imap.folders.toSorted() },
        {
          ok: true,
          idle: true,
          folders: ['Archive', 'Drafts', 'INBOX', 'Sent', 'Trash'],
        },
      )
      assert.equal(smtp, null)
    })

  it('signs in to send, by STARTTLS with a certificate of one’s own', async () => {
    const sending = { smtp_host: '127.0.0.1', smtp_port: exim.port, smtp_username: exim.username }
    const good = { label: 'Out', tls_ca: exim.ca, ...sending, smtp_password: exim.password, secure: 'starttls' }
    assert.deepEqual(await tested(good), { imap: null, smtp: { ok: true } })
    assert.match(
      (await tested({ ...good, smtp_password: 'wrong' })).smtp.error,
      /refused the SMTP sign-in of me@example\.test/,
    )
    assert.match((await tested({ ...good, tls_ca: null })).smtp.error, /signed by nobody this machine knows/)
  })

  for (const [what, more, words] of [
    [
      'a wrong password',
      () => ({ imap_password: 'wrong' }),
      /refused the IMAP sign-in of me@example\.test.*app password/,
    ],
    ['a certificate nobody signed', () => ({ tls_ca: null }), /signed by nobody this machine knows.*tls_ca/],
    ['a port where nobody listens', () => ({ imap_port: 1 }), /Nothing answers at 127\.0\.0\.1:1/],
    [
      'TLS where there is none',
      () => ({ imap_port: dovecot.port, imap_secure: 'tls' }),
      /does not speak TLS from the first byte/,
    ],
    ['a name nobody has', () => ({ imap_host: 'nothing.invalid' }), /No server has the name nothing\.invalid/],
  ] as const)
    it(`says what to do about ${what}`, async () => {
      const { imap } = await tested(mailbox(more()))
      assert.equal(imap.ok, false)
      assert.match(imap.error, words)
      assert.ok(!imap.error.includes(dovecot.password))
    })

  it('never goes on in the open where STARTTLS is asked for and not on offer', async () => {
    const heard: string[] = []
    const plain = createServer((socket: Socket) => {
      socket.on('error', () => {}).write('* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n')
      socket.on('data', (chunk) => {
        heard.push(String(chunk))
        const tag = String(chunk).split(' ')[0]
        if (/CAPABILITY/i.test(String(chunk))) socket.write(`* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n${tag} OK done\r\n`)
        else socket.write(`${tag} BAD no\r\n`)
      })
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => plain.once('listening', resolve))
    const imap_port = (plain.address() as AddressInfo).port
    const { imap } = await tested(mailbox({ imap_port, imap_secure: 'starttls' }))
    plain.close()
    assert.equal(imap.ok, false)
    assert.match(imap.error, /STARTTLS/i)
    assert.ok(
      !heard.join('').includes(Buffer.from(dovecot.password).toString('base64')) &&
        !/LOGIN|AUTHENTICATE/i.test(heard.join('')),
    )
  })
})

describe('an access token in place of a password', { skip: DOVECOT_MISSING }, () => {
  it('signs in by XOAUTH2', async () => {
    const introspection = createHttpServer((req, res) => {
      let text = ''
      req.on('data', (chunk) => (text += String(chunk)))
      req.on('end', () => {
        const active = new URLSearchParams(text).get('token') === 'a-good-token'
        res
          .setHeader('content-type', 'application/json')
          .end(JSON.stringify(active ? { active: true, email: 'me@example.test' } : { active: false }))
      })
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => introspection.once('listening', resolve))
    const introspectionUrl = `http://127.0.0.1:${(introspection.address() as AddressInfo).port}/`
    await using dovecot = await startDovecot({ introspectionUrl })
    const draft = {
      label: 'Token',
      auth: 'oauth2',
      tls_ca: dovecot.ca,
      imap_host: '127.0.0.1',
      imap_port: dovecot.tlsPort,
      imap_username: dovecot.username,
    }
    for (const [token, ok] of [
      ['a-good-token', true],
      ['a-bad-token', false],
    ] as const) {
      const { id } = await add({ ...draft, imap_password: token })
      assert.equal((await owner.post(`${ACCOUNTS}/${id}/test`)).body.imap.ok, ok, token)
    }
    introspection.close()
  })
})
