import { createContext } from 'preact'
import type { Conversation } from './conversation.ts'

/** The conversation around a line of its transcript. */
export const ChatContext = createContext<Conversation>(null as unknown as Conversation)
