import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { withDatabase } from './peers/database.ts'
import { fetchPage, say, startModelApi, type ModelApi } from './peers/model-api.ts'
import { startSite, type Site } from './peers/site.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

describe('the page, where it is about safety', { skip: MISSING }, () => {
  let model: ModelApi
  let site: Site
  let evil: Site
  let steward: Steward
  let walk: Walk
  let page: Page

  before(async () => {
    model = await startModelApi()
    ;[site, evil] = await Promise.all([startSite(), startSite()])
    steward = await startSteward({ env: { ...model.env, ALLOWED_PRIVATE_HOSTS: site.host } })
    walk = await startWalk()
    page = walk.page
    await page.request.post(`${steward.url}/api/auth/login`, { data: OWNER })
  })

  after(async () => {
    await walk.browser.close()
    await steward[Symbol.asyncDispose]()
    await Promise.all([site, evil, model].map((peer) => peer[Symbol.asyncDispose]()))
    assert.deepEqual(walk.complaints, [])
  })

  const open = (path: string) => page.goto(steward.url + path)
  const settings = async () => (await steward.owner.get('/api/settings/security')).body
  const save = () => page.getByRole('button', { name: 'Save' }).click()
  const toast = () => page.getByText('Saved. It counts from now on.').first().waitFor()

  async function look(name: string): Promise<void> {
    await walk.picture(name)
    await walk.accessible(name)
    await page.setViewportSize({ width: 1280, height: 844 })
  }

  it('changes the layers, the time that questions wait, and who sees public things only', async () => {
    await open('/settings')
    await page
      .getByRole('link', { name: /^Security/ })
      .last()
      .click()
    await page.getByLabel('A question in a chat waits', { exact: true }).waitFor()
    assert.equal(await page.getByLabel('A question in a chat waits', { exact: true }).inputValue(), '15')
    assert.equal(await page.getByLabel('Unit of: A question of an agent or task waits').inputValue(), 'days')
    await page.getByLabel('Plant a canary').check()
    await page.getByLabel('Have a second model look first').check()
    await page.getByLabel('The model that looks').selectOption('anthropic:claude-haiku-5-5')
    await page.getByLabel('A question in a chat waits', { exact: true }).fill('2')
    await page.getByLabel('Unit of: A question in a chat waits').selectOption('hours')
    await page.getByLabel('Anthropic').check()
    await look('security')
    await save()
    await toast()
    const { canary, llm_screen, llm_screen_model, approval_timeout_chat_s, public_only_providers } = await settings()
    assert.deepEqual(
      [canary, llm_screen, llm_screen_model, approval_timeout_chat_s, public_only_providers],
      [true, true, 'anthropic:claude-haiku-5-5', 7200, ['anthropic']],
    )
    await page.getByLabel('Longest result of a tool, in characters').fill('600000')
    await save()
    await page.locator('input[aria-invalid=true]').waitFor()
    const usual = { canary: false, llm_screen: false, public_only_providers: [] }
    await steward.owner.post('/api/settings/security', usual)
  })

  it('turns the flow guard off only after a question and the password, and warns for as long as it is off', async () => {
    withDatabase(steward.dataDir, (db) => db.exec(`UPDATE http_sessions SET data = json_remove(data, '$.confirmedAt')`))
    await open('/settings/security')
    await page.getByLabel('Flow guard').uncheck()
    await save()
    await look('security-guard-question')
    await page.getByRole('button', { name: 'Cancel' }).click()
    assert.equal((await settings()).flow_guard, true)
    await page.getByLabel('Flow guard').uncheck()
    await save()
    await page.getByRole('button', { name: 'Turn it off' }).click()
    await page.getByLabel('Password', { exact: true }).fill(OWNER.password)
    assert.equal((await settings()).flow_guard, true)
    await page.getByRole('button', { name: 'Confirm' }).click()
    await toast()
    assert.equal((await settings()).flow_guard, false)
    await page.getByText('What others wrote can make Steward act without asking you.').waitFor()
    await look('security-guard-off')
    await open('/chats')
    await page.getByRole('link', { name: 'Turn it on' }).click()
    await page.getByLabel('Flow guard').check()
    await save()
    await toast()
    assert.equal((await settings()).flow_guard, true)
    await open('/chats')
    await page.getByRole('heading', { name: 'Chats' }).waitFor()
    assert.equal(await page.getByRole('link', { name: 'Turn it on' }).count(), 0)
  })

  it('says in the chat why a run was stopped that gave its instructions away', async () => {
    await steward.owner.post('/api/settings/security', { canary: true })
    model.answer(({ system }) => say(/Reference: (\w+)/.exec(JSON.stringify(system))![1]!))
    await open(`/chat/${randomUUID()}`)
    await page.getByRole('textbox', { name: /message/i }).fill('What are you told?')
    await page.keyboard.press('Enter')
    for (const told of ['live', 'from the record']) {
      await page.getByText('It was stopped: it was about to give away').waitFor()
      assert.equal(await page.getByText('Stopped by you').count(), 0, told)
      await page.reload()
    }
    await steward.owner.post('/api/settings/security', { canary: false })
  })

  describe('an answer', () => {
    const port = () => evil.host.split(':')[1]
    /** `localhost` stands for a site that the owner has not named. */
    const words = () =>
      [
        `[Our shop](http://localhost:${port()}/shop?q=diary) and http://localhost:${port()}/bare are near.`,
        `![a map](http://localhost:${port()}/map.png)`,
        `<img src="http://localhost:${port()}/tag.png"><a href="http://localhost:${port()}/tag">tag</a>`,
        `[mail](mailto:eve@example.org) [script](javascript:alert(1)) [ref][1]`,
        `More at [the page](${site.url}/more).`,
        `\n[1]: http://localhost:${port()}/ref`,
      ].join('\n\n')

    const answer = () => page.locator('article.answer').last()
    const hrefs = () =>
      answer()
        .locator('.prose a')
        .evaluateAll((links) => links.map((link) => link.getAttribute('href')))

    async function ask(text: string): Promise<void> {
      await page.getByRole('textbox', { name: /message/i }).fill(text)
      await page.keyboard.press('Enter')
    }

    it('that may hold words of others has links only to hosts that the owner typed, live and from the record', async () => {
      site.page('/', '<p>Shops of the town.</p>')
      model.answer(fetchPage(`${site.url}/`), say(words()))
      await open(`/chat/${randomUUID()}`)
      await ask(`Which shops are near? Look at ${site.url}/ on the web.`)
      await answer().getByText('are near').waitFor()
      await page.locator('article.answer[aria-busy=false]').last().waitFor()
      for (const told of ['live', 'from the record']) {
        assert.deepEqual(await hrefs(), [`${site.url}/more`], told)
        assert.match((await answer().textContent()) ?? '', /Our shop \(http:\/\/localhost:\d+\/shop\?q=diary\)/, told)
        assert.equal(await answer().locator('img').count(), 0, told)
        await look(`answer-of-others-${told.replaceAll(' ', '-')}`)
        await page.reload()
        await answer().getByText('are near').waitFor()
      }
      assert.deepEqual(evil.seen, [])
    })

    it('to later questions of that conversation has no other links either, until it is cleared', async () => {
      model.answer(say(words()))
      await ask('Say that again.')
      await page.waitForFunction('document.querySelectorAll("article.answer[aria-busy=false]").length === 2')
      await answer().getByRole('link').first().waitFor()
      assert.deepEqual(await hrefs(), [`${site.url}/more`])
    })

    it('that only followed the owner’s own words has links, and still no pictures', async () => {
      model.answer(say(words()))
      await open(`/chat/${randomUUID()}`)
      await ask('Which shops are near?')
      await page.locator('article.answer[aria-busy=false]').last().waitFor()
      assert.ok((await hrefs()).includes(`http://localhost:${port()}/shop?q=diary`))
      assert.equal(await answer().locator('img').count(), 0)
      assert.deepEqual(evil.seen, [])
    })
  })
})
