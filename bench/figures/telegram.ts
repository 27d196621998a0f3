import { join } from 'node:path'
import { say, startModelApi, textIn, type ModelApi } from '../../tests/peers/model-api.ts'
import { startTelegram, TOKEN, type TelegramPeer } from '../../tests/peers/telegram.ts'
import type { Steward } from '../../tests/steward.ts'
import { pause, scratch, startHouse } from '../processes.ts'
import { limited, printTable, quantile, show, type Row } from '../table.ts'

const WARM_UP = 10
const MESSAGES = 100
/** So that no chat is written to faster than Telegram takes it. */
const PEOPLE = 25
const CHATS = 200
const EACH = 2
/** Telegram's own limits (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this). */
const A_SECOND = 30
/** One a second, with a short burst. */
const A_CHAT_IN_TEN_SECONDS = 13
const CROWD_MS = 240_000

/**
 * How soon a message has brought its question to the model, from the moment in which Telegram has it; and what a crowd that talks
 * at once gets: every answer, in order, no faster than Telegram takes them. At a Bot API on loopback.
 */
export async function telegram(): Promise<Row[]> {
  return [...(await wakes()), ...(await crowd())]
}

async function wakes(): Promise<Row[]> {
  await using bot = await startTelegram()
  await using model = await startModelApi()
  let reached: (at: number) => void = () => {}
  model.answer(() => (reached(performance.now()), say('Yes.')))
  await using house = await open(bot, model, PEOPLE)
  const times: number[] = []
  for (let n = 0; n < WARM_UP + MESSAGES; n++) {
    const chat = 1 + (n % PEOPLE)
    const before = bot.said(chat).filter(({ text }) => text === 'Yes.').length
    await bot.until(bot.polling)
    const asked = new Promise<number>((resolve) => (reached = resolve))
    const wrote = performance.now()
    bot.write(`Question ${n}: what is the capital of France?`, { chat })
    times.push((await asked) - wrote)
    await bot.until(() => bot.said(chat).filter(({ text }) => text === 'Yes.').length > before)
    await pause(20 + ((n * 137) % 60))
  }
  await house.stop()
  const counted = times.slice(WARM_UP)
  printTable(
    [`${MESSAGES} messages`, 'p50 ms', 'p90 ms', 'max ms'],
    [['from the update to the model', ...[0.5, 0.9, 1].map((share) => show(quantile(counted, share)))]],
  )
  return [limited({ figure: 'model asked after an update, p50', value: quantile(counted, 0.5), unit: 'ms' }, 20)]
}

async function crowd(): Promise<Row[]> {
  await using bot = await startTelegram()
  await using model = await startModelApi()
  const asked: [chat: string, n: number][] = []
  model.answer((request) => {
    const [, chat, n] = [...textIn(request).matchAll(/question (\d+)-(\d+)/g)].at(-1)!
    asked.push([chat!, Number(n)])
    return say(`Answer to ${chat}-${n}.`)
  })
  await using house = await open(bot, model, CHATS)
  const began = performance.now()
  for (let n = 1; n <= EACH; n++)
    for (let chat = 1; chat <= CHATS; chat++) bot.write(`This is question ${chat}-${n}`, { chat })
  const chats = Array.from({ length: CHATS }, (_, at) => at + 1)
  const answers = (chat: number) => bot.said(chat).flatMap(({ text }) => (text.startsWith('Answer') ? [text] : []))
  await bot.until(() => chats.every((chat) => answers(chat).length >= EACH), CROWD_MS)
  const seconds = (performance.now() - began) / 1000
  await house.stop()
  const expected = (chat: number) => Array.from({ length: EACH }, (_, at) => `Answer to ${chat}-${at + 1}.`)
  const right = (chat: number) =>
    String(answers(chat)) === String(expected(chat)) &&
    String(asked.filter(([of]) => of === String(chat)).map(([, n]) => n)) === String(expected(chat).map((_, at) => at + 1)) // prettier-ignore
  const sent = bot.calls.filter(({ method }) => /^(sendMessage|editMessageText|sendDocument)$/.test(method))
  const most = mostWithin(sent.map(({ at }) => at), 1_000) // prettier-ignore
  const perChat = Map.groupBy(sent, ({ payload }) => payload.chat_id)
  const mostOfChat = Math.max(
    ...[...perChat.values()].map((calls) =>
      mostWithin(
        calls.map(({ at }) => at),
        10_000,
      ),
    ),
  )
  console.log(`${CHATS} chats with ${EACH} messages each: all answered in ${show(seconds)} s, ${sent.length} calls`)
  return [
    limited({ figure: `of ${CHATS} chats not answered once and in order`, value: chats.filter((chat) => !right(chat)).length, unit: '' }, 0), // prettier-ignore
    limited({ figure: 'most messages in a second', value: most, unit: '' }, A_SECOND),
    limited({ figure: 'most messages to a chat in ten seconds', value: mostOfChat, unit: '' }, A_CHAT_IN_TEN_SECONDS),
  ]
}

/** A house with a bot and so many chats of the owner. */
async function open(bot: TelegramPeer, model: ModelApi, chats: number): Promise<Steward> {
  const house = await startHouse(model.url, join(scratch(), 'telegram'), true, { ...bot.env, ...model.env })
  await house.owner.post('/api/settings/limits', { max_concurrent_chats: 64 })
  for (let chat = 1; chat <= chats; chat++) await house.owner.post('/api/telegram/whitelist', { chat_id: chat })
  await house.owner.post('/api/telegram/config', { bot_token: TOKEN })
  await bot.until(bot.polling)
  return house
}

/** How many of these moments fall into one span, at most. */
function mostWithin(moments: readonly number[], ms: number): number {
  return Math.max(0, ...moments.map((from) => moments.filter((at) => at >= from && at < from + ms).length))
}
