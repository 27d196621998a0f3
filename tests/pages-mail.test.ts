import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { DOVECOT_MISSING, startDovecot, type Dovecot } from './peers/dovecot.ts'
import { newAgent } from './peers/agents.ts'
import { addMailbox, deliver, inState, mail } from './peers/mails.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

describe('the page of mail accounts', { skip: MISSING || DOVECOT_MISSING }, () => {
  let dovecot: Dovecot
  let steward: Steward
  let walk: Walk
  let page: Page

  before(async () => {
    dovecot = await startDovecot()
    steward = await startSteward()
    walk = await startWalk()
    page = walk.page
    await page.request.post(`${steward.url}/api/auth/login`, { data: OWNER })
  })
  after(async () => {
    await walk.browser.close()
    await steward[Symbol.asyncDispose]()
    await dovecot[Symbol.asyncDispose]()
    assert.deepEqual(walk.complaints, [])
  })

  const accounts = async () => (await steward.owner.get('/api/email-accounts')).body
  const reading = () => page.getByRole('group', { name: 'Reading (IMAP)' })
  async function look(name: string): Promise<void> {
    await walk.picture(name)
    await walk.accessible(name)
    await page.setViewportSize({ width: 1280, height: 844 })
  }

  it('adds an account, and says at the field what is wrong', async () => {
    await page.goto(`${steward.url}/settings/mail`)
    await page.getByText('No mail accounts yet').waitFor()
    await look('mail-empty')
    await page.getByRole('button', { name: 'Add account' }).click()
    await page.getByLabel('Name', { exact: true }).fill('Home')
    await reading().getByLabel('Server').fill('mail.example.org')
    await reading().getByLabel('Encryption').selectOption('none')
    await reading().getByLabel('User name').fill(dovecot.username)
    await reading().getByLabel('Password').fill('not the right one')
    assert.equal(await reading().getByLabel('Port').inputValue(), '143')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Without encryption, mail and passwords would travel in the open.').waitFor()
    await look('mail-dialog')
    await reading().getByLabel('Encryption').selectOption('tls')
    await reading().getByLabel('Server').fill('127.0.0.1')
    await reading().getByLabel('Port').fill(String(dovecot.tlsPort))
    await page.getByText('A certificate authority of your own').click()
    await page.getByLabel('Certificate (PEM)').fill(dovecot.ca)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText(`Reads from 127.0.0.1:${dovecot.tlsPort} (TLS)`).waitFor()
    const [{ imap_password_set, address, smtp_host }] = await accounts()
    assert.deepEqual([imap_password_set, address, smtp_host], [true, dovecot.username, null])
  })

  it('tests it, and shows in words what to do', async () => {
    await page.getByRole('button', { name: 'Test Home' }).click()
    await page.getByText('refused the IMAP sign-in').waitFor()
    await page.getByText('does not work').waitFor()
    await look('mail-refused')
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click()
    await page.getByRole('button', { name: 'Edit Home' }).click()
    await reading().getByLabel('Password').fill(dovecot.password)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Test Home' }).click()
    await page.getByText('Folders: ').waitFor()
    await look('mail-works')
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click()
  })

  it('keeps the password while its field is empty, and removes the account after a question', async () => {
    await page.getByRole('button', { name: 'Edit Home' }).click()
    await page.getByText('Kept as it is while this is empty.').waitFor()
    await page.getByLabel('Name', { exact: true }).fill('House')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('House', { exact: true }).first().waitFor()
    assert.equal((await accounts())[0].imap_password_set, true)
    await page.getByRole('button', { name: 'Remove House' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await page.getByText('No mail accounts yet').waitFor()
    assert.deepEqual(await accounts(), [])
  })

  it('shows how listening goes as it changes, what came in, and the mail behind a run', async () => {
    const agent = await newAgent(steward.owner, { name: 'Postman' })
    const mailbox = dovecot.another()
    const { id } = await addMailbox(steward.owner, mailbox, { label: 'Letters', agent_id: agent.id })
    await inState(steward.owner, id, 'connected')
    await page.goto(`${steward.url}/settings/mail`)
    const row = page.getByRole('listitem').filter({ hasText: 'Letters' })
    await row.getByText('listening', { exact: true }).waitFor()
    await row.getByRole('link', { name: 'Letters' }).click()
    await page.getByText('Nothing yet').waitFor()
    deliver(mailbox, mail({ subject: 'The roof leaks' }))
    deliver(mailbox, mail({ subject: 'A stranger’s', from: 'mallory@evil.example' }))
    await page.getByText('“mallory@evil.example” is not on the list of senders of this account.').waitFor()
    await look('mail-came-in')
    await page.getByRole('link', { name: 'See the run of The roof leaks' }).click()
    await page.getByRole('heading', { name: 'The mail that started it' }).waitFor()
    await page.getByText('Ann <ann@example.org>').waitFor()
    await look('mail-of-a-run')
    await page.goto(`${steward.url}/settings/mail`)
    await row.getByText('listening', { exact: true }).waitFor()
    await steward.owner.put(`/api/email-accounts/${id}`, { imap_port: 1 })
    await row.getByText(/Nothing answers at 127\.0\.0\.1:1.*Steward keeps trying by itself/).waitFor()
    await look('mail-trouble')
    await steward.owner.delete(`/api/email-accounts/${id}`)
  })

  it('says how to listen', async () => {
    const { id } = await addMailbox(steward.owner, dovecot.another())
    await page.goto(`${steward.url}/settings/mail`)
    await page.getByLabel('Seconds between looks').fill('1')
    await page.getByRole('button', { name: 'Set how to listen' }).click()
    await page.getByText('Too small: expected number to be >=5').waitFor()
    await page.getByLabel('Seconds between looks').fill('120')
    await page.getByLabel('Rules that fit').selectOption('Every rule that fits')
    await page.getByRole('button', { name: 'Set how to listen' }).click()
    await page.getByText('Saved. It counts from now on.').waitFor()
    const { mail_poll_s, mail_match } = (await steward.owner.get('/api/settings/mail')).body
    assert.deepEqual([mail_poll_s, mail_match], [120, 'all'])
    await steward.owner.delete(`/api/email-accounts/${id}`)
  })
})
