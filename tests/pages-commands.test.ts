import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { SANDBOX_MISSING } from './peers/sandbox.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

describe('the page of commands', { skip: MISSING || SANDBOX_MISSING }, () => {
  let walk: Walk
  let page: Page

  before(async () => {
    walk = await startWalk()
    page = walk.page
  })
  after(async () => {
    await walk.browser.close()
    assert.deepEqual(walk.complaints, [])
  })

  async function open(steward: Steward): Promise<void> {
    await page.context().clearCookies()
    await page.request.post(`${steward.url}/api/auth/login`, { data: OWNER })
    await page.goto(`${steward.url}/settings/commands`)
  }
  async function look(name: string): Promise<void> {
    await walk.picture(name)
    await walk.accessible(name)
    await page.setViewportSize({ width: 1280, height: 844 })
  }
  const button = (name: string) => page.getByRole('button', { name })

  it('says that the sandbox works, and tries it', async () => {
    await using steward = await startSteward()
    await open(steward)
    await page.getByText('Commands run in a sandbox (bubblewrap).').waitFor()
    await button('Run a test command').click()
    await page.getByText('It works, in the sandbox.').waitFor()
    await look('commands')
  })

  it('says what to do where there is none, and lets commands run without only after a question', async () => {
    await using steward = await startSteward({ env: { PATH: '/nowhere' } })
    await open(steward)
    await page.getByText(/Install the package "bubblewrap".*Until then no command is run\./).waitFor()
    await button('Run a test command').click()
    await page.getByText(/^No command can be run: bubblewrap is not installed/).waitFor()
    await look('commands-none')
    const box = page.getByLabel('Let commands run without a sandbox')
    await box.click()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
    assert.equal(await box.isChecked(), false)
    await box.click()
    await page.getByRole('dialog').getByRole('button', { name: 'Allow it' }).click()
    await page.getByText('Commands may run without a sandbox now.').waitFor()
    await page.getByText(/Commands run without one\./).waitFor()
    assert.equal((await steward.owner.get('/api/settings/shell')).body.without_sandbox, true)
  })
})
