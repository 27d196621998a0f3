import { createContext } from 'preact'
import type { Conversation } from './conversation.ts'

/** The conversation around a line of its transcript. */
export const ChatContext = createContext<Conversation>(null as unknown as Conversation)

/** What an answer needs of where it stands; a run has one outside any chat, too. */
export type AnswerHost = Pick<Conversation, 'hosts' | 'confirm'>

export const AnswerContext = createContext<AnswerHost>(null as unknown as AnswerHost)
