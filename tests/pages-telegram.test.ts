import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { newAgent } from './peers/agents.ts'
import { MISSING, startWalk, type Walk } from './peers/browser.ts'
import { startTelegram, TOKEN, type TelegramPeer } from './peers/telegram.ts'
import { OWNER, startSteward, type Steward } from './steward.ts'

describe('the page of Telegram', { skip: MISSING }, () => {
  let telegram: TelegramPeer
  let steward: Steward
  let walk: Walk
  let page: Page

  before(async () => {
    telegram = await startTelegram()
    steward = await startSteward({ env: telegram.env })
    await newAgent(steward.owner, { name: 'Weather' })
    walk = await startWalk()
    page = walk.page
    await page.request.post(`${steward.url}/api/auth/login`, { data: OWNER })
  })
  after(async () => {
    await walk.browser.close()
    await steward[Symbol.asyncDispose]()
    await telegram[Symbol.asyncDispose]()
    assert.deepEqual(walk.complaints, [])
  })

  const config = async () => (await steward.owner.get('/api/telegram/config')).body
  async function look(name: string): Promise<void> {
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme })
      await walk.picture(`${name}-${colorScheme}`)
      await walk.accessible(`${name}, ${colorScheme}`)
    }
    await page.setViewportSize({ width: 1280, height: 844 })
  }

  it('says how to get a bot, tries its token and shows that it listens', async () => {
    await page.goto(`${steward.url}/settings/telegram`)
    await page.getByRole('link', { name: '@BotFather' }).waitFor()
    await look('telegram-guide')
    await page.getByLabel('Token').fill('123456:AAHnot-the-right-one')
    await page.getByRole('button', { name: 'Try and keep' }).click()
    await page.getByText('Telegram does not accept the bot token').waitFor()
    await page.getByLabel('Token').fill(TOKEN)
    await page.getByRole('button', { name: 'Try and keep' }).click()
    await page.getByText('listening', { exact: true }).waitFor()
    await page.getByText('No chats yet').waitFor()
    await look('telegram-empty')
  })

  it('binds a chat by a code, lists others, and lets agents answer them', async () => {
    telegram.write('/link', { chat: 42 })
    const { text } = await telegram.until(() => telegram.said(42)[0])
    await page.getByRole('button', { name: 'Bind by a code' }).click()
    await page.getByLabel('Code').fill('AAAAAA')
    await page.getByRole('button', { name: 'Bind', exact: true }).click()
    await page.getByText('No chat was given that code').waitFor()
    await look('telegram-code')
    await page.getByLabel('Code').fill(/minutes: (\w+)/.exec(text)![1]!)
    await page.getByRole('button', { name: 'Bind', exact: true }).click()
    await page.getByRole('button', { name: 'Edit My Telegram' }).waitFor()
    await page.getByRole('button', { name: 'Add by number' }).click()
    await page.getByLabel('Number').fill('-1001')
    await page.getByLabel('Name').fill('Family')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByLabel('Who may answer in Family').selectOption({ label: 'Weather' })
    await page.getByRole('button', { name: 'Allow in Family' }).click()
    await page.getByText('Weather may answer, 0 of 200 today.').waitFor()
    const [grant] = (await steward.owner.get('/api/grants')).body.items
    assert.deepEqual([grant.operation, grant.destinations, grant.after_third_party], ['reply.telegram', ['telegram:-1001'], true]) // prettier-ignore
    await page.getByRole('button', { name: 'Test My Telegram' }).click()
    await page.getByText('A message went to My Telegram.').waitFor()
  })

  it('keeps triggers in their order, and tries a message', async () => {
    for (const words of ['weather', 'weather tomorrow']) {
      await page.getByRole('button', { name: 'New trigger' }).click()
      await page.getByLabel('Words').fill(words)
      await page.getByRole('button', { name: 'Save' }).click()
      await page.getByRole('button', { name: `Edit ${words}`, exact: true }).waitFor()
    }
    await page.getByLabel('Try a message').fill('Tomorrow’s weather?')
    await page.getByRole('button', { name: 'Which fits?' }).click()
    await page.getByText('“weather” fits: Weather answers.').waitFor()
    await page.getByRole('button', { name: 'Earlier weather tomorrow' }).click()
    await page.getByRole('button', { name: 'Earlier weather', exact: true }).and(page.locator(':enabled')).waitFor()
    await page.getByRole('button', { name: 'Which fits?' }).click()
    await page.getByText('“weather tomorrow” fits: Weather answers.').waitFor()
    await look('telegram')
  })

  it('sets who answers and what is told, and says what is wrong', async () => {
    await page.getByText('Telegram answered').waitFor()
    await page.getByLabel('You are told when Telegram has been silent for').selectOption({ label: 'half a minute' })
    for (let now = await config(); now.deadline_s !== 30; now = await config()) await page.waitForTimeout(20)
    await page.getByLabel('Who answers where no trigger fits').selectOption({ label: 'Weather' })
    await page.getByLabel('What finished').click()
    await telegram.until(telegram.polling)
    for (
      let now = await config();
      now.default_agent_id === null || !now.notices.includes('result');
      now = await config()
    )
      await page.waitForTimeout(20)
    telegram.trouble('getUpdates', { status: 401, description: 'Unauthorized' })
    telegram.write('wake up', { chat: 42 })
    await page.getByText('in trouble').waitFor()
    await page.getByText('Telegram does not accept the bot token').waitFor()
    await look('telegram-trouble')
    await page.getByRole('button', { name: 'Restart' }).click()
    await page.getByText('listening', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await page.getByText('stopped', { exact: true }).waitFor()
  })
})
