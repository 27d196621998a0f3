import type { JSX } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { Composer } from '../chat/composer.tsx'
import { AnswerContext, ChatContext } from '../chat/context.ts'
import { createConversation, type Conversation } from '../chat/conversation.ts'
import { takeFirst } from '../chat/first-message.ts'
import { Transcript } from '../chat/transcript.tsx'
import { HouseControls } from '../frame/house-controls.tsx'
import { NavigationButtons } from '../frame/shell.tsx'
import { recent } from '../recent.ts'
import type { PageProps } from '../routes.ts'
import { Button } from '../ui/button.tsx'
import { complain, tell } from '../ui/toast.tsx'

/** One conversation. */
export function ChatPage({ params }: PageProps): JSX.Element {
  const id = params['id'] ?? ''
  const chat = useMemo(() => createConversation(id), [id])
  useEffect(() => {
    const first = takeFirst(id)
    if (first) chat.send(first)
    void chat.load()
    return () => chat.close()
  }, [chat])
  return (
    <ChatContext.Provider value={chat}>
      <AnswerContext.Provider value={chat}>
        <div class="chat">
          <ChatHead chat={chat} />
          <Transcript />
          <div class="chat-foot">
            <LineState chat={chat} />
            <Composer
              id={id}
              label="Message Steward"
              onSend={chat.send}
              ownModel={chat.agent.value !== null}
              fresh={chat.loaded.value && !chat.items.value.length}
              webOpen={chat.webOpen.value}
              running={chat.active.value.size > 0}
              onStop={() => void (chat.stop() || offline())}
            />
          </div>
          <div class="visually-hidden" aria-live="polite">
            {chat.said.value}
          </div>
        </div>
      </AnswerContext.Provider>
    </ChatContext.Provider>
  )
}

function offline(): void {
  complain(new Error('There is no line to the server right now. Try again in a moment.'))
}

function ChatHead({ chat }: { chat: Conversation }) {
  const named = recent.value?.find(({ id }) => id === chat.id)?.title || chat.title.value || 'New chat'
  useEffect(() => void (document.title = `${named} · Steward`), [named])
  return (
    <header class="chat-head">
      <NavigationButtons />
      <h1 class="ellipsis" tabIndex={-1}>
        {named}
      </h1>
      <span class="grow" />
      <Button
        look="quiet"
        small
        disabled={!chat.items.value.length}
        onClick={() => (chat.clear() ? tell('The next message starts afresh. The record is kept.') : offline())}
      >
        Clear context
      </Button>
      <HouseControls />
    </header>
  )
}

function LineState({ chat }: { chat: Conversation }) {
  const state = chat.link.value?.value
  if (state !== 'reconnecting') return null
  return (
    <p class="line-state muted small" role="status">
      <span class="pulse" aria-hidden="true" />
      The line to Steward broke. Reconnecting…
    </p>
  )
}
