import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { startModelApi, type ModelApi } from './peers/model-api.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

const PASSWORD = 'a long sentence is good'

describe('the page, where it is about people, models and lists', { skip: MISSING }, () => {
  let model: ModelApi
  let steward: Steward
  let walk: Walk
  let page: Page

  before(async () => {
    model = await startModelApi()
    steward = await startSteward({
      env: { ...model.env, OPENROUTER_API_KEY: 'sk-or-a-long-enough-key', OPENROUTER_BASE_URL: 'http://127.0.0.1:9' },
    })
    walk = await startWalk()
    page = walk.page
    await signIn(OWNER)
  })

  after(async () => {
    await walk.browser.close()
    await steward[Symbol.asyncDispose]()
    await model[Symbol.asyncDispose]()
    assert.deepEqual(walk.complaints, [])
  })

  const open = (path: string) => page.goto(steward.url + path)
  const dialog = () => page.locator('dialog[open]')
  const press = (name: string | RegExp) => page.getByRole('button', { name }).first().click()
  const gone = () => dialog().waitFor({ state: 'detached' })

  async function signIn(who: { username: string; password: string }): Promise<void> {
    await page.context().clearCookies()
    await page.request.post(`${steward.url}/api/auth/login`, { data: who })
  }

  async function look(name: string): Promise<void> {
    await walk.picture(name)
    await walk.accessible(name)
    await page.setViewportSize({ width: 1280, height: 844 })
  }

  /** The password was given too long ago for this session. */
  async function forget(): Promise<void> {
    const { withDatabase } = await import('./peers/database.ts')
    withDatabase(steward.dataDir, (db) =>
      db.prepare(`UPDATE http_sessions SET data = json_set(data, '$.confirmedAt', 0)`).run(),
    )
  }

  describe('models', () => {
    const inForce = async () => (await steward.owner.get('/api/models')).body.default

    it('are listed with what they cost and can, and found by words and by what they can', async () => {
      await open('/settings')
      await page
        .getByRole('link', { name: /^Models/ })
        .last()
        .click()
      await page.waitForURL(/\/models$/)
      await page.getByRole('row', { name: /Claude Haiku/ }).waitFor()
      const row = page.getByRole('row', { name: /anthropic:claude-sonnet-5-5/ })
      assert.match((await row.textContent())!, /\$2 in, \$10 out.*vision.*tools.*default/s)
      await page.getByText('could not be fetched').waitFor()
      await look('models')
      await page.getByLabel('Search models').fill('haiku')
      await page
        .getByRole('row', { name: /sonnet/ })
        .first()
        .waitFor({ state: 'detached' })
      await page.getByRole('row', { name: /Claude Haiku/ }).waitFor()
      await page.getByLabel('Search models').fill('no such model')
      await page.getByText('No model fits').waitFor()
      await page.getByLabel('Search models').fill('')
      await page.getByLabel('Free').check()
      await page.getByText('1 model', { exact: true }).waitFor()
      await page.getByLabel('Free').uncheck()
    })

    it('have a default that is picked in the list, or left to a provider', async () => {
      await press(/^Make default Claude Haiku 5.5/)
      await page.getByText('Claude Haiku 5.5 answers from now on').waitFor()
      assert.equal(await inForce(), 'anthropic:claude-haiku-5-5')
      await page.getByText('You picked a model.').waitFor()
      await page.getByLabel('Provider of the default').selectOption('openrouter')
      await page.getByText('Saved. It counts from now on.').waitFor()
      assert.match(await inForce(), /^openrouter:/)
      await page.getByText('A good everyday model of it is used').waitFor()
    })

    it('say what it takes to have those of other providers', async () => {
      await page.getByText('Lets Steward use the models of OpenAI').waitFor()
      await page.getByRole('link', { name: 'Set it Ollama address' }).click()
      await page.waitForURL(/\/settings\/credentials$/)
    })
  })

  describe('lists', () => {
    it('take addresses for mail with a limit, and say whose they are', async () => {
      await open('/settings/whitelists')
      await page.getByText('No address yet').waitFor()
      await press('Add address')
      await dialog().getByLabel('Address', { exact: true }).fill('alice')
      await dialog().getByLabel('Mails a day at most').fill('3')
      await dialog().getByRole('button', { name: 'Save' }).click()
      await dialog().getByText('That is not an address').waitFor()
      await look('address-dialog')
      await dialog().getByLabel('Address', { exact: true }).fill('Alice@Example.com')
      await dialog().getByRole('button', { name: 'Save' }).click()
      await gone()
      await page.getByText('0 of 3 today').waitFor()
      await press('Change Alice@example.com')
      await dialog().getByLabel('Mails a day at most').fill('')
      await dialog().getByLabel('This is my own address').check()
      await dialog().getByRole('button', { name: 'Save' }).click()
      await page.getByText('yours', { exact: true }).waitFor()
      const [{ created_at: _at, ...entry }] = (await steward.owner.get('/api/email-whitelist')).body
      assert.deepEqual(entry, { email: 'Alice@example.com', daily_limit: 0, sent_today: 0, owner: true })
    })

    it('take sites for the browser, by their whole address too', async () => {
      await press('Add site')
      await dialog().getByLabel('Domain').fill('https://shop.example.com/basket?x=1')
      await dialog().getByLabel(/^Note/).fill('Groceries')
      await dialog().getByRole('button', { name: 'Save' }).click()
      await gone()
      await page.getByText('Groceries').waitFor()
      await look('whitelists')
      await press('Remove shop.example.com')
      await dialog().getByRole('button', { name: 'Remove' }).click()
      await page.getByText('No site is trusted yet').waitFor()
    })
  })

  describe('people', () => {
    it('are the owner alone at first, who adds somebody', async () => {
      await open('/admin/users')
      await page.getByText('You are the only one here.').waitFor()
      await look('users-alone')
      await press('Add user')
      await dialog().getByLabel('Name to sign in with').fill('bob')
      await dialog().getByLabel('Password').fill('short')
      await dialog().getByRole('button', { name: 'Add' }).click()
      await dialog().getByText('at least 10 characters').waitFor()
      await dialog().getByLabel('Password').fill(PASSWORD)
      await look('user-dialog')
      await dialog().getByRole('button', { name: 'Add' }).click()
      await page.getByText('bob can sign in now.').waitFor()
      await page.getByText('never here yet').waitFor()
    })

    it('are made administrators after the password, and shut out', async () => {
      await forget()
      await press('Change bob')
      await dialog().getByLabel('Role').selectOption('admin')
      await dialog().getByRole('button', { name: 'Save' }).click()
      await page.getByLabel('Password', { exact: true }).last().fill(OWNER.password)
      await page.getByRole('button', { name: 'Confirm' }).click()
      await page.getByText('administrator', { exact: true }).nth(1).waitFor()
      await press('Change bob')
      await dialog().getByLabel('May come in').uncheck()
      await dialog().getByLabel('Role').selectOption('user')
      await dialog().getByRole('button', { name: 'Save' }).click()
      await page.getByText('deactivated', { exact: true }).waitFor()
      assert.equal(
        (await steward.anybody().post('/api/auth/login', { username: 'bob', password: PASSWORD })).status,
        401,
      )
      await press('Change bob')
      await dialog().getByLabel('May come in').check()
      await dialog().getByRole('button', { name: 'Save' }).click()
      await page.getByText('deactivated', { exact: true }).waitFor({ state: 'detached' })
    })

    it('get two-factor sign-in from an administrator, shown once', async () => {
      await press('Two-factor bob')
      await dialog().getByAltText('QR code for bob’s authenticator app').waitFor()
      await look('user-mfa')
      await dialog().getByRole('button', { name: 'Done' }).click()
      await gone()
    })

    it('see what is theirs, and none of what is the house’s', async () => {
      await signIn({ username: 'bob', password: PASSWORD })
      await open('/settings')
      await page.getByRole('heading', { name: 'Settings' }).waitFor()
      for (const name of ['Limits', 'Security', 'Credentials', 'Doctor', 'Users'])
        assert.equal(await page.getByRole('link', { name: new RegExp(`^${name}`) }).count(), 0, name)
      await look('settings-of-a-user')
      for (const path of ['/settings/whitelists', '/models']) {
        await open(path)
        await page.getByRole('heading', { level: 1 }).waitFor()
        await page.getByText(/No site is trusted yet|answers where no other/).waitFor()
        assert.equal(await page.locator('[role=alert].notice').count(), 0, path)
        assert.equal(await page.getByRole('button', { name: /Make default|Add website|Add address/ }).count(), 0, path)
      }
      await open('/admin/users')
      await page.getByText('Only an administrator may do this.').waitFor()
      await signIn(OWNER)
    })

    it('are removed with all that is theirs, which is said before', async () => {
      await open('/admin/users')
      await press('Remove bob')
      await dialog().getByText('With bob go 0 conversations, 0 agents, 0 tasks, 0 API keys, 0 files').waitFor()
      await look('user-removal')
      await dialog().getByRole('button', { name: 'Remove for good' }).click()
      await page.getByText('bob was removed.').waitFor()
      await page.getByText('You are the only one here.').waitFor()
      assert.equal((await steward.owner.get('/api/admin/users')).body.length, 1)
    })
  })
})
