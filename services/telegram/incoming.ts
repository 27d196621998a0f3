import type { Message, MessageEntity } from './api.ts'

/** A file that came with a message, as it can be fetched. */
export type IncomingFile = { fileId: string; name: string; mediaType: string; bytes: number | undefined }

/** A message as Steward works with it. */
export type Incoming = {
  chatId: string
  messageId: number
  /** Seconds since 1970. */
  date: number
  isPrivate: boolean
  /** Whoever wrote it sits alone in their chat with the bot. */
  ownVoice: boolean
  /** Where the words come from somebody else. */
  forwarded: boolean
  /** How the writer is called, as they say themselves. */
  who: string
  text: string
  /** `/name rest`, meant for this bot. */
  command: { name: string; rest: string } | undefined
  /** In a group: whether it is meant for the bot. */
  addressed: boolean
  files: IncomingFile[]
  /** What of it cannot be taken, in a word. */
  unfit: 'voice' | 'file' | 'other' | undefined
  /** What it answers to, where somebody else wrote that. */
  quoted: string | undefined
  /** The group has become another one. */
  movedTo: string | undefined
}

type Me = { id: string; username: string }

const DOCUMENTS = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'application/pdf', 'text/plain'])

/** Reads a message of the Bot API (https://core.telegram.org/bots/api#message). */
export function incoming(message: Message, me: Me): Incoming {
  const entities = message.entities ?? message.caption_entities ?? []
  const whole = message.text ?? message.caption ?? ''
  const isPrivate = message.chat.type === 'private'
  const command = commandIn(whole, entities, me)
  const { files, unfit } = filesOf(message)
  return {
    chatId: String(message.chat.id),
    messageId: message.message_id,
    date: message.date,
    isPrivate,
    ownVoice: isPrivate && message.from?.id === message.chat.id && message.sender_chat === undefined,
    forwarded: isForwarded(message),
    who: nameOf(message),
    text: isPrivate ? whole.trim() : withoutMention(whole, entities, me),
    command,
    addressed: command !== undefined || isAddressed(message, whole, entities, me),
    files,
    unfit,
    quoted: quotedIn(message, me),
    movedTo: message.migrate_to_chat_id === undefined ? undefined : String(message.migrate_to_chat_id),
  }
}

function isForwarded(message: Message): boolean {
  const old = message as { forward_date?: number; forward_from?: unknown }
  const viaBot = message.via_bot !== undefined
  return message.forward_origin !== undefined || old.forward_date !== undefined || viaBot
}

function nameOf({ from, chat }: Message): string {
  const name = [from?.first_name, from?.last_name].filter(Boolean).join(' ') || (chat.title ?? 'Somebody')
  return from?.username ? `${name} (@${from.username})` : name
}

/** A command stands first. One that names another bot is not for us. */
function commandIn(text: string, entities: readonly MessageEntity[], me: Me): Incoming['command'] {
  const first = entities.find(({ type, offset }) => type === 'bot_command' && offset === 0)
  if (!first) return undefined
  const [name = '', bot] = text.slice(1, first.length).split('@')
  if (bot !== undefined && bot.toLowerCase() !== me.username.toLowerCase()) return undefined
  return { name: name.toLowerCase(), rest: text.slice(first.length).trim() }
}

function isAddressed(message: Message, text: string, entities: readonly MessageEntity[], me: Me): boolean {
  if (String(message.reply_to_message?.from?.id) === me.id) return true
  return entities.some((entity) => isMention(entity, text, me))
}

function isMention(entity: MessageEntity, text: string, me: Me): boolean {
  if (entity.type === 'text_mention') return String(entity.user.id) === me.id
  const words = text.slice(entity.offset, entity.offset + entity.length)
  return entity.type === 'mention' && words.toLowerCase() === `@${me.username.toLowerCase()}`
}

function withoutMention(text: string, entities: readonly MessageEntity[], me: Me): string {
  return entities
    .filter((entity) => entity.type === 'mention' && isMention(entity, text, me))
    .toReversed()
    .reduce((left, { offset, length }) => left.slice(0, offset) + left.slice(offset + length), text)
    .trim()
}

/** What the bot or the writer said is known already; only what came from elsewhere is worth telling again. */
function quotedIn(message: Message, me: Me): string | undefined {
  const replied = message.reply_to_message
  const foreign = replied !== undefined && String(replied.from?.id) !== me.id && isForwarded(replied as Message)
  if (message.external_reply === undefined && !foreign) return undefined
  const text = message.quote?.text ?? replied?.text ?? replied?.caption ?? ''
  return text.trim() === '' ? undefined : text
}

function filesOf(message: Message): Pick<Incoming, 'files' | 'unfit'> {
  const photo = message.photo?.at(-1)
  if (photo) return fit({ fileId: photo.file_id, name: 'photo.jpg', mediaType: 'image/jpeg', bytes: photo.file_size })
  const { document } = message
  if (document) {
    const { file_id: fileId, file_name: name = 'file', mime_type = '', file_size: bytes } = document
    const mediaType = mime_type.startsWith('text/') ? 'text/plain' : mime_type
    return DOCUMENTS.has(mediaType) ? fit({ fileId, name, mediaType, bytes }) : { files: [], unfit: 'file' }
  }
  if (message.voice ?? message.audio ?? message.video_note) return { files: [], unfit: 'voice' }
  return { files: [], unfit: message.text === undefined ? 'other' : undefined }
}

const fit = (file: IncomingFile) => ({ files: [file], unfit: undefined })
