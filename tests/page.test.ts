import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { KEY, say, startModelApi, use, type ModelApi } from './peers/model-api.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

describe('the page', { skip: MISSING }, () => {
  let model: ModelApi
  let steward: Steward
  let walk: Walk
  let page: Page
  let modelEnv: Record<string, string>
  const docs = mkdtempSync(join(tmpdir(), 'docs-'))

  before(async () => {
    model = await startModelApi()
    const { ANTHROPIC_API_KEY: _key, ...env } = model.env
    modelEnv = env
    steward = await startSteward({ setUp: false, env })
    walk = await startWalk()
    page = walk.page
  })

  after(async () => {
    await walk.browser.close()
    await steward[Symbol.asyncDispose]()
    await model[Symbol.asyncDispose]()
  })

  const picture = (name: string) => walk.picture(name)
  const accessible = (name: string) => walk.accessible(name)

  async function write(text: string): Promise<void> {
    await page.getByRole('textbox', { name: /message/i }).fill(text)
    await page.keyboard.press('Enter')
  }

  it('leads everybody to sign in or set up, and makes the owner with the printed link', async () => {
    const link = /Open (\S+)/.exec(steward.output())?.[1]
    await page.goto(link!)
    await picture('setup')
    await accessible('set-up')
    await page.getByLabel(/username/i).fill(OWNER.username)
    const passwords = page.locator('input[type=password]')
    await passwords.nth(0).fill(OWNER.password)
    await passwords.nth(1).fill(OWNER.password)
    await page.keyboard.press('Enter')
    await page.getByText('Your recovery key').waitFor()
    await page.getByLabel(/kept it/i).check()
    await page.getByRole('button', { name: /go on/i }).click()
    await page.getByRole('heading', { name: /anna/ }).waitFor()
    await picture('home')
    await accessible('home')
  })

  it('says that only the rehearsal model is there, and takes a key', async () => {
    await page
      .getByText(/rehearsal model/i)
      .first()
      .waitFor()
    await page.goto(`${steward.url}/settings/credentials`)
    await page.getByRole('button', { name: /^set/i }).first().click()
    await page.locator('dialog[open] input, dialog[open] textarea').last().waitFor()
    await page
      .locator('dialog[open]')
      .getByLabel(/value|key/i)
      .last()
      .fill(KEY)
    await page
      .locator('dialog[open]')
      .getByRole('button', { name: /save|set/i })
      .click()
    await page.locator('dialog[open]').waitFor({ state: 'detached' })
    await page
      .getByText(/not set/i)
      .first()
      .waitFor()
    await picture('credentials')
    await accessible('credentials')
    const { body } = await signedIn('/api/credentials')
    assert.deepEqual(
      body.map((entry: { key: string }) => entry.key),
      ['system:anthropic_api_key'],
    )
  })

  async function signedIn(path: string, data?: unknown): Promise<{ status: number; body: any }> {
    const answer = await page.request.fetch(steward.url + path, data === undefined ? {} : { method: 'POST', data })
    return { status: answer.status(), body: await answer.json() }
  }

  it('streams an answer as Markdown that cannot run anything', async () => {
    model.answer(say('**Hello** ', '<img src=x onerror="window.hurt=1">', '\n\n```js\nconst a = 1\n```\n'))
    await page.goto(`${steward.url}/`)
    await page.getByRole('textbox').first().fill('Hi there')
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/chat\/[0-9a-f-]{36}/)
    await page.locator('strong', { hasText: 'Hello' }).waitFor()
    await page.locator('pre code').waitFor()
    assert.equal(await page.evaluate('window.hurt'), undefined)
    await picture('chat')
    await accessible('chat')
  })

  it('shows what would happen, takes changed arguments, and does what was approved', async () => {
    await signedIn('/api/filesystem-whitelist', { path: docs, written_by: 'me' })
    const path = join(docs, 'plan.md')
    model.answer(use('filesystem', { operation: 'write_file', path, content: 'buy milk' }), say('Written.'))
    await write('Write the plan')
    await page.getByRole('button', { name: /approve/i }).waitFor()
    await picture('confirmation')
    await accessible('confirmation')
    await page.getByRole('button', { name: /^edit/i }).click()
    const editor = page.getByRole('textbox', { name: /arguments/i })
    await editor.fill((await editor.inputValue()).replace('buy milk', 'buy oats'))
    await page.getByRole('button', { name: /approve/i }).click()
    await page.getByText('Written.', { exact: true }).waitFor()
    assert.equal(readFileSync(path, 'utf8'), 'buy oats')
    await page.getByText(/approved by you/i).waitFor()
  })

  it('shows the same after a reload, and in the list', async () => {
    await page.reload()
    await page.getByText('Written.', { exact: true }).waitFor()
    await page.getByText(/approved by you/i).waitFor()
    await page.locator('strong', { hasText: 'Hello' }).waitFor()
    await page.goto(`${steward.url}/chats`)
    await page
      .getByRole('link', { name: /Hi there/ })
      .first()
      .waitFor()
    await picture('chats')
    await accessible('chats')
  })

  it('stops an answer and keeps what was said', async () => {
    model.answer({ text: ['So it ', 'begins', ' and never', ' ends'], pauseMs: 200, hang: true })
    await page.goto(`${steward.url}/chat/${crypto.randomUUID()}`)
    await write('Go on forever')
    await page.getByText(/So it begins/).waitFor()
    await page.getByRole('button', { name: /stop/i }).click()
    await page
      .getByText(/stopped/i)
      .first()
      .waitFor()
    await page.reload()
    await page.getByText(/So it begins/).waitFor()
  })

  it('connects again by itself after the server died, and shows the whole answer', async () => {
    model.answer({ text: ['One. ', 'Two. ', 'Three.'], pauseMs: 600 })
    await page.goto(`${steward.url}/chat/${crypto.randomUUID()}`)
    await write('Count')
    await page.getByText(/One\./).first().waitFor()
    await steward.kill()
    await page
      .getByText(/connecting/i)
      .first()
      .waitFor()
    const { dataDir, url } = steward
    steward = await startSteward({ setUp: false, dataDir, env: { ...modelEnv, PORT: new URL(url).port } })
    await page.getByText('One. Two. Three.', { exact: true }).waitFor({ timeout: 20_000 })
  })

  it('says where to set a key when the model refuses it', async () => {
    model.answer({ status: 401, error: 'invalid x-api-key' })
    await page.goto(`${steward.url}/chat/${crypto.randomUUID()}`)
    await write('Are you there?')
    await page
      .getByRole('link', { name: /credentials/i })
      .last()
      .waitFor()
  })

  it('has no page that scrolls sideways, breaks a rule of accessibility or of the content policy', async () => {
    for (const path of [
      'approvals',
      'settings/whitelists',
      'settings/api-keys',
      'settings/account',
      'audit',
      'no-such-page',
    ]) {
      await page.setViewportSize({ width: 1280, height: 844 })
      await page.goto(`${steward.url}/${path}`)
      await page.getByRole('heading').first().waitFor()
      await page.waitForTimeout(300)
      await picture(path.replace('/', '-'))
      await accessible(path)
    }
    await page.goto(`${steward.url}/docs`)
    await page
      .getByText('Whether somebody still has to be set up')
      .or(page.getByText('Set-up').first())
      .first()
      .waitFor()
    assert.deepEqual(walk.complaints, [])
  })

  it('is readable in the dark', async () => {
    await page.emulateMedia({ colorScheme: 'dark' })
    for (const path of ['', 'chats', 'settings/credentials', 'audit']) {
      await page.goto(`${steward.url}/${path}`)
      await page.getByRole('heading').first().waitFor()
      await page.waitForTimeout(300)
      await picture(`dark-${path.replace('/', '-') || 'home'}`)
      await accessible(`dark ${path}`)
    }
    await page.emulateMedia({ colorScheme: 'light' })
  })

  it('comes back to where one was after signing in', async () => {
    await page.request.post(`${steward.url}/api/auth/logout`, { data: {} })
    await page.goto(`${steward.url}/chats`)
    await page.waitForURL(/\/login/)
    await picture('login')
    await accessible('login')
    await page.getByLabel(/username/i).fill(OWNER.username)
    await page.locator('input[type=password]').fill(OWNER.password)
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/chats$/)
  })
})
