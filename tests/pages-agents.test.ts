import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { read, say, startModelApi, write, type ModelApi } from './peers/model-api.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

describe('the pages of agents, tasks and runs', { skip: MISSING }, () => {
  let model: ModelApi
  let steward: Steward
  let walk: Walk
  let page: Page
  const docs = mkdtempSync(join(tmpdir(), 'docs-'))

  before(async () => {
    model = await startModelApi()
    steward = await startSteward({ env: { ...model.env, TZ: 'Europe/Berlin' } })
    await steward.owner.post('/api/filesystem-whitelist', { path: docs, written_by: 'others' })
    walk = await startWalk()
    page = walk.page
    await page.request.post(`${steward.url}/api/auth/login`, { data: OWNER })
  })

  after(async () => {
    await walk.browser.close()
    await steward[Symbol.asyncDispose]()
    await model[Symbol.asyncDispose]()
  })

  const open = (path: string) => page.goto(steward.url + path)
  const heading = (name: string | RegExp) => page.getByRole('heading', { name }).first().waitFor()
  const press = (name: string | RegExp) => page.getByRole('button', { name }).first().click()

  async function look(name: string): Promise<void> {
    await walk.picture(name)
    await walk.accessible(name)
    await page.setViewportSize({ width: 1280, height: 844 })
  }

  it('says what agents are while there are none, and makes one with a schedule in words', async () => {
    await open('/agents')
    await page.getByText('No agents yet').waitFor()
    await look('agents-none')
    await press(/create your first agent/i)
    await page.getByLabel('Name').fill('Morning briefing')
    await page.getByLabel('Prompt', { exact: true }).fill('Write a short briefing.')
    await page.getByLabel(/on a schedule/).check()
    await page.getByLabel('Cron expression').fill('30 7 * * 1-5')
    await page.getByText('At 07:30, Monday through Friday').waitFor()
    await page.getByText('The next times (Europe/Berlin)').waitFor()
    assert.equal(await page.locator('.next-times li').count(), 5)
    await page.getByLabel(/only the tools chosen here/i).check()
    await page.getByLabel('All of filesystem').check()
    await look('agent-new')
    await press('Create agent')
    await heading('Morning briefing')
    await page.getByText('At 07:30, Monday through Friday').waitFor()
    const { body } = await steward.owner.get('/api/agents')
    assert.deepEqual(
      [body[0].schedule, body[0].allowed_tools, body[0].timezone],
      ['30 7 * * 1-5', ['filesystem'], 'Europe/Berlin'],
    )
  })

  it('shows what is wrong at the field it is about, and keeps what was written', async () => {
    await press('Edit')
    await page.getByLabel('Cron expression').fill('99 7 * * *')
    const field = page.getByLabel('Cron expression')
    await page.locator('input.mono[aria-invalid=true]').waitFor()
    await press('Save')
    await page.waitForTimeout(300)
    assert.equal(await field.inputValue(), '99 7 * * *')
    await field.fill('0 6 * * *')
    await page.getByText('At 06:00', { exact: true }).waitFor()
    await press('Save')
    await page.waitForURL(/\/agents\/[0-9a-f-]{36}$/)
    await page.getByText('At 06:00', { exact: true }).waitFor()
  })

  it('runs an agent with a message, waits for the yes of the owner, and does what was approved', async () => {
    const briefing = join(docs, 'briefing.md')
    writeFileSync(join(docs, 'weather.md'), 'It will rain.')
    model.answer(read(join(docs, 'weather.md')), write(briefing, 'rain'), say('The briefing is **written**.'))
    await press('Run now')
    await page.locator('dialog[open] textarea').fill('Mind the weather')
    await page.locator('dialog[open]').getByRole('button', { name: 'Run now' }).click()
    await page.getByRole('button', { name: /^approve/i }).waitFor()
    await look('agent-waiting')
    await page.getByRole('link', { name: /everything about it/i }).click()
    await page.waitForURL(/\/runs\//)
    await page.getByText('Mind the weather').first().waitFor()
    await page.getByRole('button', { name: /^approve/i }).waitFor()
    await look('run-waiting')
    await press(/^approve/i)
    await page.locator('strong', { hasText: 'written' }).waitFor()
    await page.locator('.head .badge', { hasText: 'done' }).waitFor()
    assert.equal(readFileSync(briefing, 'utf8'), 'rain')
    await heading('Decisions')
    await look('run')
  })

  it('lists the run with the agent and among everything that went on, to be filtered', async () => {
    await page.getByRole('link', { name: 'Morning briefing' }).first().click()
    await page.getByRole('link', { name: /The briefing is/ }).waitFor()
    await look('agent')
    await open('/runs')
    await page.getByRole('link', { name: /The briefing is/ }).waitFor()
    await page.getByLabel('Status').selectOption('failed')
    await page.getByText('No runs match').waitFor()
    assert.match(page.url(), /\?status=failed$/)
    await page.getByLabel('Status').selectOption('succeeded')
    await page.getByRole('link', { name: /The briefing is/ }).waitFor()
    await look('runs')
  })

  it('shows an answer of an agent while it is written', async () => {
    model.answer({ text: ['It begins', ' and goes', ' on'], pauseMs: 200, hang: true })
    await open('/agents')
    await page.getByRole('link', { name: 'Morning briefing' }).click()
    await press('Message')
    await page.locator('dialog[open] textarea').fill('And tomorrow?')
    await page.locator('dialog[open]').getByRole('button', { name: 'Send' }).click()
    await page.getByText('It begins and goes on').waitFor()
    await press('Stop')
    await page.locator('.run-line .badge', { hasText: 'stopped' }).waitFor()
    await page.getByText('It begins and goes on').first().waitFor()
  })

  it('lets an agent answer a new conversation', async () => {
    model.answer(say('Here is your briefing.'))
    await open(`/chat/${crypto.randomUUID()}`)
    await page.getByLabel('Who answers').selectOption({ label: 'Morning briefing' })
    await page.getByRole('textbox', { name: /message/i }).fill('Hello')
    await page.keyboard.press('Enter')
    await page.getByText('Here is your briefing.', { exact: true }).waitFor()
    const { body } = await steward.owner.get('/api/runs?origin=chat')
    assert.equal(body.items[0].agent_id, (await steward.owner.get('/api/agents')).body[0].id)
    assert.match(model.requests[0]!.system.map(({ text }) => text).join(), /Write a short briefing/)
  })

  it('makes a task, runs it, switches it off, and shows when it was due', async () => {
    model.answer(say('Watered.'))
    await open('/tasks')
    await page.getByText('No tasks yet').waitFor()
    await press(/create your first task/i)
    await page.getByLabel('Name').fill('Water the tomatoes')
    await page.getByLabel('What shall be done').fill('Water them.')
    await page.getByLabel('Who does it').selectOption({ label: 'Morning briefing' })
    await page.getByText('At 08:00').first().waitFor()
    await look('task-new')
    await press('Create task')
    await heading('Water the tomatoes')
    await press('Run now')
    await page.getByText('Watered.').first().waitFor()
    await page.locator('.run-line .badge', { hasText: 'done' }).waitFor()
    await heading('When it was due')
    await look('task')
    await open('/tasks')
    await press(/switch off/i)
    await page.getByRole('button', { name: /switch on/i }).waitFor()
    await look('tasks')
    assert.equal((await steward.owner.get('/api/tasks')).body[0].enabled, false)
  })

  it('pauses everything, says so on every page, and goes on', async () => {
    model.answer(say('After the pause.'))
    await open('/agents')
    await press('Pause everything')
    await page.locator('dialog[open]').getByRole('button', { name: 'Pause everything' }).click()
    await page.getByText('Paused: nothing starts until you resume').waitFor()
    await look('paused')
    const { body: agents } = await steward.owner.get('/api/agents')
    await steward.owner.post(`/api/agents/${agents[0].id}/run`, {})
    for (const path of ['/', '/runs', `/chat/${crypto.randomUUID()}`]) {
      await open(path)
      await page.getByText('Paused: nothing starts until you resume').waitFor()
    }
    await open('/runs')
    await page.locator('.section', { hasText: 'Waiting and running' }).getByText('Morning briefing').waitFor()
    await page.locator('.paused-banner').getByRole('button', { name: 'Resume' }).click()
    await page.getByText('Paused: nothing starts until you resume').waitFor({ state: 'detached' })
    await page.getByRole('link', { name: 'After the pause.' }).waitFor()
    assert.equal((await steward.owner.get('/api/status')).body.paused, false)
  })

  it('tells of notifications at the bell, and keeps what was read', async () => {
    model.answer({ status: 401, error: 'invalid x-api-key' })
    const { body: agents } = await steward.owner.get('/api/agents')
    await steward.owner.post(`/api/agents/${agents[0].id}/run`, {})
    await open('/notifications')
    await page.locator('.notification.fresh').first().waitFor()
    await look('notifications')
    await press('Mark all as read')
    await page.locator('.notification.fresh').first().waitFor({ state: 'detached' })
    assert.equal((await steward.owner.get('/api/notifications')).body.unread_count, 0)
    await page.getByLabel('Unread', { exact: true }).check()
    await page.getByText('Everything is read').waitFor()
  })

  it('shows what was used by day, agent and model, and takes a budget', async () => {
    await open('/settings/limits')
    await page.getByLabel('Daily budget in dollars').fill('2.5')
    await look('limits')
    await press('Save')
    await page.getByText('Saved.').first().waitFor()
    assert.equal((await steward.owner.get('/api/settings/limits')).body.daily_budget_usd, 2.5)
    await page.getByLabel('Largest upload in MiB').fill('2')
    await page.getByRole('button', { name: 'Set the largest upload' }).click()
    await page.getByText('It counts from the next upload on.').first().waitFor()
    assert.equal((await steward.owner.get('/api/settings/files')).body.max_upload_bytes, 2 * 1024 * 1024)
    await open('/usage')
    await page.getByText('of $2.50').waitFor()
    await page.locator('.chart canvas').waitFor()
    await look('usage')
    await page.getByLabel('By agent').check({ force: true })
    await page.getByRole('row', { name: /Morning briefing/ }).waitFor()
    await page.getByLabel('By model').check({ force: true })
    await page.getByRole('row', { name: /sonnet/i }).waitFor()
  })

  it('takes the name of the house and who lives there', async () => {
    await open('/settings/personality')
    await page.getByLabel('Name').fill('Jeeves')
    await page.getByLabel('About me').fill('Anna lives in Berlin.')
    await look('personality')
    await press('Save')
    await page.getByText('Saved.').first().waitFor()
    await open('/')
    await page.getByRole('textbox', { name: 'What shall Jeeves do?' }).waitFor()
  })

  it('shows the secret of a webhook target once, and what was delivered', async () => {
    await open('/settings/webhooks')
    await page.getByText('No webhook targets yet').waitFor()
    await press('New target')
    await page.locator('dialog[open]').getByLabel('Name').fill('phone')
    await page.locator('dialog[open]').getByLabel('Address').fill('https://hooks.example.com/phone')
    await page
      .locator('dialog[open]')
      .getByLabel(/my own device/i)
      .check()
    await page.locator('dialog[open]').getByRole('button', { name: 'Save' }).click()
    await page.getByText(/whsec_/).waitFor()
    await walk.accessible('webhook secret')
    await press('I have it')
    await page.getByText('yours').waitFor()
    await look('webhooks')
    await press(/deliveries/i)
    await page.getByText('Nothing was sent yet').waitFor()
    await page.keyboard.press('Escape')
    assert.equal(await page.getByText(/whsec_/).count(), 0)
    assert.equal((await steward.owner.get('/api/webhook-targets')).body.items[0].owner, true)
  })

  it('is readable in the dark, and never broke a rule of the content policy', async () => {
    await page.emulateMedia({ colorScheme: 'dark' })
    const { body: agents } = await steward.owner.get('/api/agents')
    const paths = ['agents', `agents/${agents[0].id}`, 'agents/new', 'tasks', 'runs', 'usage', 'notifications']
    for (const path of paths) {
      await open(`/${path}`)
      await page.getByRole('heading').first().waitFor()
      await page.waitForTimeout(300)
      await look(`dark-${path.replaceAll('/', '-').slice(0, 20)}`)
    }
    await page.emulateMedia({ colorScheme: 'light' })
    assert.deepEqual(walk.complaints, [])
  })

  it('deletes an agent after one question, and keeps what it did', async () => {
    await open('/agents')
    await page.getByRole('link', { name: 'Morning briefing' }).click()
    await press('Delete')
    await page.locator('dialog[open]').getByText('stays in the activity').waitFor()
    await page.locator('dialog[open]').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('No agents yet').waitFor()
    await open('/runs')
    await page.getByRole('link', { name: /The briefing is/ }).waitFor()
  })
})
