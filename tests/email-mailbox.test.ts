import assert from 'node:assert/strict'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import type { EmailAccount } from '../services/mail/account-rows.ts'
import { createConnections } from '../services/mail/connections.ts'
import { mailIdOf, mailPlaceOf } from '../services/mail/mail-id.ts'
import { mailboxOf, type Mailbox } from '../services/mail/mailbox.ts'
import { DOVECOT_MISSING, startDovecot, type Dovecot } from './peers/dovecot.ts'

/** What tools do in a mailbox, against a real Dovecot. */

const forever = new AbortController().signal

const mail = (subject: string, { from = 'Ann <ann@example.org>', text = 'Hello.', id = '' } = {}) =>
  Buffer.from(
    [
      `From: ${from}`,
      'To: me@example.test',
      `Subject: ${subject}`,
      ...(id === '' ? [] : [`Message-ID: <${id}>`]),
      'Date: Wed, 25 Nov 2026 09:12:00 +0000',
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
      '',
      text,
      '',
    ].join('\r\n'),
  )

describe('a mailbox', { skip: DOVECOT_MISSING }, () => {
  let dovecot: Dovecot
  let mailbox: Mailbox
  let connections: ReturnType<typeof createConnections>
  let changed: (id: string) => void = () => {}
  let password: string

  const account = (port: number): EmailAccount =>
    ({
      id: 'a1',
      userId: 'u1',
      label: 'Work',
      auth: 'password',
      tlsCa: null,
      imap: { host: '127.0.0.1', port, secure: 'none', username: dovecot.username },
    }) as unknown as EmailAccount

  before(async () => {
    dovecot = await startDovecot()
    password = dovecot.password
    connections = createConnections({
      passwordOf: () => password,
      resolve: (_account, host) => Promise.resolve({ host }),
      version: 'test',
      onChange: (listener) => (changed = listener),
    })
    mailbox = mailboxOf(account(dovecot.port), connections)
    for (const [subject, options] of [
      ['Invoice for November', { from: 'Bo <bo@example.org>', text: 'Please pay the blue invoice.' }],
      ['=?utf-8?Q?Gr=C3=BC=C3=9Fe?=', { text: 'Käse und Brot' }],
      ['Third', { id: 'third@example.org' }],
    ] as const)
      await mailbox.append({ folder: 'INBOX', raw: mail(subject, options) }, forever)
  })
  after(async () => {
    await connections.close()
    await dovecot[Symbol.asyncDispose]()
  })

  const subjects = (mails: { subject: string }[]) => mails.map(({ subject }) => subject)

  it('lists the newest first, as many as asked for, and only the unread ones where that is asked for', async () => {
    const all = await mailbox.list({ limit: 10 }, forever)
    assert.deepEqual([subjects(all.mails), all.total], [['Third', 'Grüße', 'Invoice for November'], 3])
    assert.deepEqual(subjects((await mailbox.list({ limit: 2 }, forever)).mails), ['Third', 'Grüße'])
    const third = all.mails[0]!
    assert.deepEqual([third.unread, third.messageId, third.from], [true, 'third@example.org', [{ name: 'Ann', address: 'ann@example.org' }]]) // prettier-ignore
    await mailbox.flag(third.id, { add: ['\\Seen'] }, forever)
    const unread = await mailbox.list({ limit: 10, unreadOnly: true }, forever)
    assert.deepEqual([subjects(unread.mails), unread.total], [['Grüße', 'Invoice for November'], 2])
    await mailbox.flag(third.id, { remove: ['\\Seen'] }, forever)
    assert.equal((await mailbox.list({ limit: 10, unreadOnly: true }, forever)).total, 3)
    assert.deepEqual(await mailbox.list({ folder: 'Archive', limit: 5 }, forever), { mails: [], total: 0 })
  })

  it('finds what holds every word, in any folder, also beyond ASCII', async () => {
    for (const [query, expected] of [
      ['invoice', ['Invoice for November']],
      ['pay NOVEMBER bo@example.org', ['Invoice for November']],
      ['"blue invoice"', ['Invoice for November']],
      ['"invoice blue"', []],
      ['invoice brot', []],
      ['grüße', ['Grüße']],
      ['käse brot', ['Grüße']],
      ['a\r\nb LOGOUT ") ALL', []],
    ] as const)
      assert.deepEqual(subjects((await mailbox.search({ query, limit: 10 }, forever)).mails), expected, query)
    await assert.rejects(mailbox.search({ query: ' "" ', limit: 10 }, forever), { code: 'invalid' })
  })

  it('gives the whole mail and leaves it unread', async () => {
    const [third] = (await mailbox.list({ limit: 1 }, forever)).mails
    const { raw, listed } = await mailbox.source(third!.id, forever)
    assert.deepEqual([raw, listed], [mail('Third', { id: 'third@example.org' }), third])
    assert.equal((await mailbox.list({ limit: 1 }, forever)).mails[0]!.unread, true)
  })

  it('says that a mail is gone, that a folder was numbered anew, or that an id was never one', async () => {
    const [third] = (await mailbox.list({ limit: 1 }, forever)).mails
    const place = mailPlaceOf(third!.id)
    const ids = [
      mailIdOf({ ...place, uid: 4711 }),
      mailIdOf({ ...place, uidValidity: '1' }),
      mailIdOf({ ...place, accountId: 'a2' }),
      'nonsense',
      Buffer.from('["a1","INBOX","1",0]').toString('base64url'),
    ]
    for (const id of ids) await assert.rejects(mailbox.source(id, forever), { code: 'not_found' }, id)
    await assert.rejects(mailbox.list({ folder: 'Nowhere', limit: 1 }, forever), /no such folder in Work.*INBOX/)
  })

  it('moves a mail, names it anew and finds it by its Message-ID', async () => {
    assert.equal(await mailbox.folderFor('\\Sent', forever), 'Sent')
    const [third] = (await mailbox.list({ limit: 1 }, forever)).mails
    const moved = await mailbox.move(third!.id, 'Sent', forever)
    assert.deepEqual(await mailbox.findByMessageId('Sent', 'third@example.org', forever), [moved])
    assert.deepEqual(await mailbox.findByMessageId('Sent', 'third@example', forever), [], 'not by a part of it')
    await assert.rejects(mailbox.move(moved!, 'Nowhere', forever), { code: 'not_found' })
    await assert.rejects(mailbox.source(third!.id, forever), { code: 'not_found' })
    assert.equal((await mailbox.source(moved!, forever)).listed.folder, 'Sent')
    await mailbox.move(moved!, 'INBOX', forever)
  })

  it('serves one after the other however many ask at once', async () => {
    const asked = Array.from({ length: 8 }, (_, n) => mailbox.list({ limit: 1 + (n % 3) }, forever))
    assert.deepEqual((await Promise.all(asked)).map(({ mails }) => mails.length), [1, 2, 3, 1, 2, 3, 1, 2]) // prettier-ignore
  })

  it('notices that the server was started anew', async () => {
    await dovecot.stop()
    await dovecot.start()
    assert.equal((await mailbox.list({ limit: 10 }, forever)).total, 3)
  })

  it('signs in anew once the account was changed', async () => {
    password = 'wrong'
    assert.equal((await mailbox.list({ limit: 10 }, forever)).total, 3, 'still by the connection that is there')
    changed('a1')
    await assert.rejects(mailbox.list({ limit: 10 }, forever), { code: 'upstream_refused' })
    password = dovecot.password
    assert.equal((await mailbox.list({ limit: 10 }, forever)).total, 3)
  })

  it('is left at once by whoever is called off, with a server that answers nothing, and nobody else has to wait', async () => {
    const sockets = new Set<Socket>()
    const silent = createServer((socket) => sockets.add(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as AddressInfo
    const other = mailboxOf({ ...account(port), id: 'a2' }, connections)
    const calledOff = new AbortController()
    const first = other.list({ limit: 1 }, calledOff.signal)
    const waiting = other.list({ limit: 1 }, calledOff.signal)
    calledOff.abort(new Error('stopped'))
    await assert.rejects(first, /stopped/)
    await assert.rejects(waiting, /stopped/)
    assert.equal((await mailbox.list({ limit: 10 }, forever)).total, 3)
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
})
