import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { newAgent } from './peers/agents.ts'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

const MAIL = 'From: Ann <ann@example.org>\nSubject: Invoice for November\n\nIt is due on Friday.\n\n> Shall I pay?\n'

describe('the rules on the page of a mail account', { skip: MISSING }, () => {
  let steward: Steward
  let walk: Walk
  let page: Page
  let account: string
  let agent: { id: string }

  before(async () => {
    steward = await startSteward()
    const draft = {
      label: 'Work',
      imap_host: 'mail.example.com',
      imap_username: 'me@example.com',
      imap_password: 'hunter2-hunter2',
    }
    account = `/api/email-accounts/${(await steward.owner.post('/api/email-accounts', { ...draft, enabled: false })).body.id}`
    agent = await newAgent(steward.owner, { name: 'Bookkeeper' })
    walk = await startWalk()
    page = walk.page
    await page.request.post(`${steward.url}/api/auth/login`, { data: OWNER })
    await page.goto(`${steward.url}${account.replace('/api/email-accounts', '/settings/mail')}`)
  })
  after(async () => {
    await walk.browser.close()
    await steward[Symbol.asyncDispose]()
    assert.deepEqual(walk.complaints, [])
  })

  const rules = async () => (await steward.owner.get(`${account}/triggers`)).body.items
  const dialog = () => page.getByRole('dialog')
  async function look(name: string): Promise<void> {
    await walk.picture(name)
    await walk.accessible(name)
    await page.setViewportSize({ width: 1280, height: 844 })
  }

  it('says that nothing is started yet, and adds a rule', async () => {
    await page.getByText('No mail starts anything yet.').waitFor()
    await page.getByText('Only senders on the email whitelist start anything').waitFor()
    await look('mail-rules-empty')
    await page.getByRole('button', { name: 'Add rule' }).click()
    await page.getByLabel('Words').fill('invoice friday')
    await look('mail-rule-dialog')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('“invoice friday”').first().waitFor()
    const [rule] = await rules()
    assert.deepEqual([rule.phrase, rule.agent_id, rule.enabled], ['invoice friday', agent.id, true])
  })

  it('tries a mail, and says in words what would happen and why not', async () => {
    await page.getByRole('button', { name: 'Try a mail' }).click()
    await page.getByLabel('Mail', { exact: true }).fill(MAIL)
    await page.getByRole('button', { name: 'Try', exact: true }).click()
    await page.getByText('“ann@example.org” is not on the email whitelist.').waitFor()
    await page.getByRole('heading', { name: 'It would start nothing' }).waitFor()
    await look('mail-tester-refused')
    await steward.owner.post('/api/email-whitelist', { email: 'ann@example.org' })
    await page.getByRole('button', { name: 'Try', exact: true }).click()
    await page.getByRole('heading', { name: 'It would start Bookkeeper' }).waitFor()
    await page.getByText('(earlier messages folded away)').waitFor()
    await look('mail-tester-starts')
    await page.emulateMedia({ colorScheme: 'dark' })
    await look('mail-tester-dark')
    await page.emulateMedia({ colorScheme: 'light' })
    await page.getByLabel('Mail', { exact: true }).fill('The invoice comes on Friday')
    await page.getByRole('button', { name: 'Try', exact: true }).click()
    await page.getByText('This has no header').waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    assert.equal((await steward.owner.get('/api/runs')).body.total, 0)
  })

  it('changes who may start something and which agent is there for every mail', async () => {
    await page.getByRole('button', { name: 'Change who and what' }).click()
    await page.getByLabel('Agent of the account').selectOption('Bookkeeper')
    await page.getByLabel('Senders that are named here').check()
    await page.getByLabel('Addresses').fill('ann@example.org\nbob@example.org')
    await page.getByLabel('Mail server that proves senders').fill('mx.example.com')
    await look('mail-start-dialog')
    await page.getByRole('button', { name: 'Save' }).click()
    await page
      .getByText('Only these senders start anything: ann@example.org, bob@example.org, once mx.example.com')
      .waitFor()
    const { body } = await steward.owner.get(account)
    assert.deepEqual(
      [body.agent_id, body.allowed_senders, body.authserv_id],
      [agent.id, ['ann@example.org', 'bob@example.org'], 'mx.example.com'],
    )
  })

  it('gives the mailbox to an agent that looks after it, with its folders and further tools', async () => {
    await page.getByRole('button', { name: 'Change who and what' }).click()
    await page.getByLabel('An agent looks after it').check()
    await page.getByLabel('Agent of the account').selectOption('None')
    await page.getByLabel('Folders that are listened to').fill('INBOX\nBills/Open')
    await page.getByText('Further tools for the agent here').click()
    await page.getByRole('checkbox', { name: /^All of web(?!hook)/ }).check()
    await page.getByRole('button', { name: 'Save' }).click()
    await dialog().getByText('An account whose mail an agent handles needs that agent.').waitFor()
    await look('mail-handling-dialog')
    await page.getByLabel('Agent of the account').selectOption('Bookkeeper')
    await page.getByRole('button', { name: 'Save' }).click()
    await page
      .getByText('An agent looks after this mailbox, mail by mail. It has the mailbox and these tools: web')
      .waitFor()
    await look('mail-handling')
    const { body } = await steward.owner.get(account)
    assert.deepEqual(
      [body.account_type, body.folders, body.extra_tools],
      ['handling', ['INBOX', 'Bills/Open'], ['web']],
    )
    await steward.owner.put(account, { account_type: 'trigger' })
    await page.reload()
  })

  it('puts rules into another order, also by keyboard', async () => {
    const path = `${account}/triggers`
    for (const phrase of ['second', 'third']) await steward.owner.post(path, { phrase, agent_id: agent.id })
    await page.reload()
    const phrases = async () => (await rules()).map(({ phrase }: { phrase: string }) => phrase)
    const named = (words: string) => page.getByRole('button', { name: words, exact: true })
    await named('Move “third” up').click()
    await page.getByText('“third” is number 2 of 3 now.').waitFor()
    assert.deepEqual(await phrases(), ['invoice friday', 'third', 'second'])
    await named('Move “third” up').press('Enter')
    await page.getByText('“third” is number 1 of 3 now.').waitFor()
    assert.deepEqual(await phrases(), ['third', 'invoice friday', 'second'])
    await page.waitForFunction("document.activeElement?.getAttribute('aria-label') === 'Move “third” down'")
    assert.ok(await named('Move “third” up').isDisabled())
    assert.ok(await named('Move “second” down').isDisabled())
    const shown = await page.getByRole('list', { name: 'Rules' }).getByRole('listitem').allInnerTexts()
    assert.deepEqual(
      shown.map((text) => text.split('\n')[0]!.trim()),
      ['“third”', '“invoice friday”', '“second”'],
    )
    await look('mail-rules-order')
    for (const { id, phrase } of await rules())
      if (phrase !== 'invoice friday') await steward.owner.delete(`${path}/${id}`)
    await page.reload()
  })

  it('switches a rule off and on, changes it, and removes it after a question', async () => {
    await page.getByRole('button', { name: 'Switch off “invoice friday”' }).click()
    await page.getByRole('button', { name: 'Switch on “invoice friday”' }).waitFor()
    assert.equal((await rules())[0].enabled, false)
    await page.getByRole('button', { name: 'Edit “invoice friday”' }).click()
    await page.getByLabel('Words').fill('')
    await dialog().getByLabel('Starts').selectOption('The agent of the account (Bookkeeper)')
    await dialog().getByLabel('Switched on').check()
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('starts Bookkeeper, the agent of the account').waitFor()
    const [rule] = await rules()
    assert.deepEqual([rule.phrase, rule.agent_id, rule.enabled], ['', null, true])
    await steward.owner.delete(`/api/agents/${agent.id}`)
    await page.reload()
    await page.getByText('The agent of this rule is gone').waitFor()
    await look('mail-rule-gone')
    await page.emulateMedia({ colorScheme: 'dark' })
    await look('mail-rule-gone-dark')
    await page.getByRole('button', { name: 'Remove Every mail' }).click()
    await dialog().getByRole('button', { name: 'Remove' }).click()
    await page.getByText('No rules').waitFor()
    assert.deepEqual(await rules(), [])
  })
})
