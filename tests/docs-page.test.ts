import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

/** The documentation of the API, as a browser shows it: all of it from this house. */
describe('the page /docs', { skip: MISSING }, () => {
  let steward: Steward
  let walk: Walk
  const asked: string[] = []

  before(async () => {
    steward = await startSteward()
    walk = await startWalk()
    walk.page.setDefaultTimeout(120_000)
    walk.page.on('request', (request) => asked.push(request.url()))
    await walk.page.request.post(`${steward.url}/api/auth/login`, { data: OWNER })
    await walk.page.goto(`${steward.url}/docs`)
  })
  after(async () => {
    await walk.browser.close()
    await steward[Symbol.asyncDispose]()
  })

  const operation = (id: string) => walk.page.locator(`[id$="-${id}"]`)

  it('shows every part of the API, and how the socket speaks', async () => {
    const { page } = walk
    await page.getByText(/with an upgrade to a WebSocket/).waitFor()
    const document = (await steward.owner.get('/openapi.json')).body
    const tags: string[] = document.tags.map(({ name }: { name: string }) => name)
    await page
      .locator('.opblock-tag')
      .nth(tags.length - 1)
      .waitFor()
    assert.deepEqual(await page.locator('.opblock-tag').evaluateAll((all) => all.map((one: any) => one.dataset.tag)), tags) // prettier-ignore
    await page.locator('.opblock-tag[data-tag="Agents"] button').click()
    const paths = Object.values<object>(document.paths).flatMap((path) => Object.values(path))
    for (const { operationId } of paths.filter((one) => one.tags[0] === 'Agents'))
      await operation(operationId).waitFor()
  })

  it('looks right at both widths, also opened', async () => {
    await walk.picture('docs')
    await operation('createAgent').getByRole('button').first().click()
    await walk.page.getByText('Idempotency-Key').first().waitFor()
    await operation('createAgent').scrollIntoViewIfNeeded()
    await walk.picture('docs-operation')
    await walk.page.setViewportSize({ width: 1280, height: 844 })
  })

  it('tries an operation out with the session of the browser', async () => {
    const list = operation('listAgents')
    await list.getByRole('button').first().click()
    await list.getByRole('button', { name: 'Execute' }).click()
    await list.locator('.live-responses-table .response-col_status').getByText('200').waitFor()
    const create = operation('createAgent')
    await create.getByRole('button', { name: 'Execute' }).click()
    await create.locator('.live-responses-table .response-col_status').getByText('201').waitFor()
    assert.equal((await steward.owner.get('/api/agents')).body.length, 1)
  })

  it('asks nobody outside of the house, and keeps to its content policy', () => {
    assert.ok(asked.length > 5)
    assert.deepEqual(asked.filter((url) => !/^(data|blob):/.test(url) && new URL(url).origin !== steward.url), []) // prettier-ignore
    assert.deepEqual(walk.complaints, [])
  })
})
