import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { anotherUser, withDatabase } from './peers/database.ts'
import { unzip } from './peers/unzip.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

describe('the page about the data of the house', { skip: MISSING }, () => {
  let steward: Steward
  let walk: Walk
  let page: Page

  before(async () => {
    steward = await startSteward()
    walk = await startWalk()
    page = walk.page
    await page.request.post(`${steward.url}/api/auth/login`, { data: OWNER })
  })
  after(async () => {
    await walk.browser.close()
    await steward[Symbol.asyncDispose]()
    assert.deepEqual(walk.complaints, [])
  })

  async function look(name: string): Promise<void> {
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme })
      await walk.picture(`${name}-${theme}`)
      await walk.accessible(name)
    }
    await page.emulateMedia({ colorScheme: 'light' })
    await page.setViewportSize({ width: 1280, height: 844 })
  }

  it('is found in the settings, and says when there is no backup yet', async () => {
    await page.goto(`${steward.url}/settings`)
    await page.getByRole('link', { name: /^Data/ }).last().click() // prettier-ignore
    await page.getByText('No backups yet').waitFor()
    await look('data-empty')
  })

  it('makes a backup, shows it, and tries it', async () => {
    await page.getByRole('button', { name: 'Back up now' }).click()
    await page.getByRole('list', { name: 'Backups' }).getByText('by hand').waitFor()
    await page.getByRole('button', { name: 'Try the newest now' }).click()
    await page.getByText('Restored on trial and found whole').waitFor()
    await look('data')
  })

  it('says what failed', async () => {
    withDatabase(steward.dataDir, (db) =>
      db.exec(`UPDATE backup_runs SET state = 'failed', problem = 'The disk is full.'`),
    )
    await page.reload()
    await page.getByText('The last backup failed: The disk is full.').waitFor()
    await page.getByText('The last restore drill failed: The disk is full.').waitFor()
    await look('data-failed')
  })

  it('saves when backups are made and how long things are kept, after a question where transcripts would go', async () => {
    await page.getByLabel('Time of day').fill('04:10')
    await page.getByRole('button', { name: 'Save backups' }).click()
    await page.getByText('Saved. It counts from now on.').waitFor()
    assert.equal((await steward.owner.get('/api/settings/backup')).body.time, '04:10')
    await page.getByLabel('Conversations and runs, in days').fill('365')
    await page.getByRole('button', { name: 'Save retention' }).click()
    await look('data-question')
    await page.getByRole('button', { name: 'Remove them' }).click()
    await page.getByText('Saved. Older things go').waitFor()
    assert.equal((await steward.owner.get('/api/settings/retention')).body.transcripts_days, 365)
    await page.getByLabel('Trash, in days').fill('99999999')
    await page.getByRole('button', { name: 'Save retention' }).click()
    await page.locator('input[aria-invalid=true]').waitFor()
  })

  it('gives the export after the password', async () => {
    withDatabase(steward.dataDir, (db) => db.exec(`UPDATE http_sessions SET data = json_remove(data, '$.confirmedAt')`))
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download' }).click()
    await page.getByLabel('Password', { exact: true }).fill(OWNER.password)
    await page.getByRole('button', { name: 'Confirm' }).click()
    const file = await (await download).path()
    const entries = await unzip(readFileSync(file))
    assert.equal(entries.at(-1)!.name, 'manifest.json')
  })

  it('shows somebody who is no administrator their export alone', async () => {
    const other = await anotherUser(steward)
    const [name, value] = other.cookie.split('=') as [string, string]
    const context = await walk.browser.newContext()
    await context.addCookies([{ name, value, url: steward.url }])
    const theirs = await context.newPage()
    await theirs.goto(`${steward.url}/settings/data`)
    await theirs.getByRole('heading', { name: 'Export' }).waitFor()
    for (const heading of ['Backups', 'Retention', 'Disk use'])
      assert.equal(await theirs.getByRole('heading', { name: heading }).count(), 0)
    await context.close()
  })
})
