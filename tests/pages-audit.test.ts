import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { withDatabase } from './peers/database.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

const LIMIT_CHANGES = 70

describe('the page of the audit log', { skip: MISSING }, () => {
  let steward: Steward
  let walk: Walk
  let page: Page
  let talk: string

  before(async () => {
    steward = await startSteward()
    walk = await startWalk()
    page = walk.page
    await page.request.post(`${steward.url}/api/auth/login`, { data: OWNER })
    await fill()
  })

  after(async () => {
    await walk.browser.close()
    await steward[Symbol.asyncDispose]()
    assert.deepEqual(walk.complaints, [])
  })

  /** A file written after a yes by hand, a site listed, and many changes of a setting. */
  async function fill(): Promise<void> {
    const { owner } = steward
    const docs = realpathSync(mkdtempSync(join(tmpdir(), 'docs-')))
    await owner.post('/api/filesystem-whitelist', { path: docs, written_by: 'me' })
    talk = randomUUID()
    const chat = await owner.chat(talk)
    chat.send({ type: 'message', content: `/filesystem.write_file path="${join(docs, 'a.txt')}" content="milk"` })
    const { call_id } = await chat.next('confirmation_required')
    chat.send({ type: 'confirm', call_id, approved: true })
    await chat.next('done')
    await chat.close()
    for (let n = 0; n < LIMIT_CHANGES; n++) await owner.post('/api/settings/limits', { max_tool_calls: 30 + n })
    await owner.post('/api/web-whitelist', { domain: 'example.org' })
  }

  const open = (query = '') => page.goto(`${steward.url}/audit${query}`)
  const rows = () => page.locator('table.table tbody tr')
  const filter = () => page.getByRole('button', { name: 'Filter' }).click()
  const clear = () => page.getByRole('button', { name: 'Clear' }).click()

  async function look(name: string): Promise<void> {
    await walk.picture(name)
    await walk.accessible(name)
    await page.setViewportSize({ width: 1280, height: 844 })
  }

  it('shows the newest first, and goes to the oldest and back in one step', async () => {
    await open()
    await rows().first().getByText('example.org').waitFor()
    assert.equal(await rows().count(), 50)
    await page.getByRole('button', { name: 'Last page' }).click()
    const first = (await steward.owner.get('/api/audit?per_page=200')).body.entries.at(-1)
    assert.equal(first.id, 1)
    await rows().last().getByText(first.subject, { exact: true }).waitFor()
    assert.equal(await page.getByRole('button', { name: 'Next page' }).isDisabled(), true)
    await look('audit-oldest')
    await page.reload()
    await rows().last().getByText(first.subject, { exact: true }).waitFor()
    await page.getByRole('button', { name: 'First page' }).click()
    await rows().first().getByText('example.org').waitFor()
  })

  it('is filtered by what entries are about', async () => {
    await page.getByLabel('About').selectOption('whitelist')
    await filter()
    await page.waitForURL(/kind=whitelist/)
    await page.getByText('2 entries', { exact: true }).waitFor()
    await clear()
    await page.getByText(/^Page 1 of/).waitFor()
  })

  it('is filtered by tool, and by what was approved by hand, with its arguments', async () => {
    await page.getByLabel('Tool').fill('filesystem')
    await page.getByLabel('Only what was approved by hand').check()
    await filter()
    await page.waitForURL(/tool_name=filesystem&confirmed_only=true/)
    const row = rows().filter({ hasText: 'approved by web:anna' }).first()
    await row.waitFor()
    await row.getByText('Arguments').click()
    await row.getByText('milk').first().waitFor()
    await look('audit-approved')
    await clear()
  })

  it('is filtered by conversation and by days', async () => {
    await page.getByLabel('Conversation').fill(talk)
    await filter()
    await page.waitForURL(new RegExp(`session_id=${talk}`))
    await rows().first().getByRole('link', { name: 'Conversation' }).waitFor()
    const links = await rows().getByRole('link', { name: 'Conversation' }).count()
    assert.equal(links, await rows().count())
    await clear()
    const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10)
    await page.getByLabel('To', { exact: true }).fill(yesterday)
    await filter()
    await page.getByText('No entries match').waitFor()
    await look('audit-none')
    await clear()
    await page.getByLabel('From', { exact: true }).fill(yesterday)
    await filter()
    await page.getByText(/^Page 1 of/).waitFor()
  })

  it('is shared by its address, and exported with its filter', async () => {
    await open('?kind=whitelist')
    await page.getByText('2 entries', { exact: true }).waitFor()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Export' }).click(),
    ])
    assert.equal(download.suggestedFilename(), 'audit.ndjson')
    const lines = readFileSync(await download.path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line)) // prettier-ignore
    assert.deepEqual(
      lines.map(({ kind, action }) => [kind, action]),
      [
        ['whitelist', 'folder added'],
        ['whitelist', 'web added'],
      ],
    )
  })

  it('is kept for as long as is said', async () => {
    await page.getByLabel('Days (empty: for good)').fill('90')
    await page.getByRole('form', { name: 'Retention' }).getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved. Older entries go once a day.').waitFor()
    assert.deepEqual((await steward.owner.get('/api/settings/audit-retention')).body, { days: 90 })
  })

  it('says in words whether it is whole, and where it is not', async () => {
    await page.getByRole('button', { name: 'Verify' }).click()
    await page.getByText(/The log is whole: \d+ entries/).waitFor()
    withDatabase(steward.dataDir, (db) => db.prepare(`UPDATE audit SET subject = 'nothing' WHERE id = 5`).run())
    await page.getByRole('button', { name: 'Verify' }).click()
    await page.getByText('The log is broken at entry 5.').waitFor()
    await look('audit-broken')
  })
})
