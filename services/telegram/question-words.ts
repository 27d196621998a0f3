import type { Approval } from '../policy/approvals.ts'
import type { InlineKeyboardMarkup } from './api.ts'
import type { Words } from './line.ts'
import { inert } from './markdown.ts'

/** What a button says when it is pressed: a letter, and the question it is about. */
export const VERBS = ['yes', 'sure', 'no', 'details', 'back', 'done', 'again', 'give_up'] as const
export type Verb = (typeof VERBS)[number]

const button = (text: string, verb: Verb, { id }: Pick<Approval, 'id'>) => ({ text, callback_data: `${verb}:${id}` })

/** The verb and the question of a pressed button. */
export function pressed(data: string | undefined): { verb: Verb; id: string } | undefined {
  const [word, id] = (data ?? '').split(':')
  const verb = VERBS.find((one) => one === word)
  return verb && id ? { verb, id } : undefined
}

/** The buttons under an open question. */
export function buttonsOf(approval: Approval, sure = false): InlineKeyboardMarkup {
  if (approval.kind === 'uncertain')
    return {
      inline_keyboard: [
        [button('It happened', 'done', approval), button('Do it again', 'again', approval)],
        [button('Give it up', 'give_up', approval), button('Details', 'details', approval)],
      ],
    }
  if (sure) return { inline_keyboard: [[button('Yes, really', 'sure', approval), button('Back', 'back', approval)]] }
  return {
    inline_keyboard: [
      [button('Approve', 'yes', approval), button('Deny', 'no', approval)],
      [button('Details', 'details', approval)],
    ],
  }
}

/** A question in words; nothing in it can be followed by a tap. */
export function questionWords(approval: Approval, who: string): Words {
  const lead = approval.kind === 'uncertain' ? 'Did this happen?' : `${who} asks for your yes:`
  const words = [`❓ ${lead}`, approval.description, `Why you are asked: ${approval.reason}`].join('\n\n')
  return { ...inert(words.slice(0, 3_800).toWellFormed()), keyboard: buttonsOf(approval) }
}

const ENDINGS: Record<string, string> = {
  approved: '✅ Approved',
  denied: '🚫 Denied',
  expired: '⌛ Nobody answered in time, so it was not done',
  void: '◽ No longer open',
}
const ANSWERS: Record<string, string> = { done: '✅ It happened', again: '🔁 Done again', give_up: '🚫 Given up' }

/** How it was decided. */
export function verdictWords({ state, answer, decided_by: by }: Approval): string {
  const what = (answer && ANSWERS[answer]) ?? ENDINGS[state] ?? state
  return by && by !== 'system' ? `${what} (${by}).` : `${what}.`
}

/** The same question once it is decided, without buttons. */
export function decidedWords(approval: Approval, who: string): Words {
  const { text } = questionWords(approval, who)
  return inert(`${text}\n\n${verdictWords(approval)}`)
}

/** What exactly would be done, and where each part of it comes from. */
export function detailWords(approval: Approval, mask: (text: string) => string): Words {
  const args = mask(JSON.stringify(approval.arguments, null, 1)).slice(0, 2_500)
  const origins = approval.provenance.slice(0, 12).map(({ path, sentence }) => `${path}: ${sentence}`)
  const words = [`${approval.tool_name}.${approval.operation}`, args, ...origins].join('\n')
  return inert(words.slice(0, 3_900).toWellFormed())
}
