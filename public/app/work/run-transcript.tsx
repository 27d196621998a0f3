import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { Answer } from '../chat/answer.tsx'
import { AnswerContext, type AnswerHost } from '../chat/context.ts'
import { createConversation } from '../chat/conversation.ts'
import { runItem, type RunItem } from '../chat/items.ts'
import { storedRun } from '../chat/run-state.ts'
import { decide } from '../pending.ts'
import { isGoing, type RunDetail } from './types.ts'

/** What a run said and did: as it grows while it goes on, from the record afterwards. */
export function RunTranscript({ run }: { run: RunDetail }): JSX.Element {
  if (isGoing(run)) return <LiveAnswer run={run} conversationId={run.conversation_id} />
  return <StillAnswer run={run} />
}

function LiveAnswer({ run, conversationId }: { run: RunDetail; conversationId: string }) {
  const chat = useMemo(() => createConversation(conversationId), [conversationId])
  useEffect(() => {
    void chat.load()
    return () => chat.close()
  }, [chat])
  const item = chat.items.value.find((each): each is RunItem => each.kind === 'run' && each.key === run.id)
  if (!item) return <StillAnswer run={run} />
  return (
    <AnswerContext.Provider value={chat}>
      <Answer item={item} />
    </AnswerContext.Provider>
  )
}

/** Nobody named a host here: links in the words of others are shown and cannot be clicked. */
const still: AnswerHost = { hosts: signal(new Set<string>()), confirm: decide }

function StillAnswer({ run }: { run: RunDetail }) {
  const item = useMemo(() => runItem(storedRun(storedOf(run))), [run])
  return (
    <AnswerContext.Provider value={still}>
      <Answer item={item} />
    </AnswerContext.Provider>
  )
}

function storedOf(run: RunDetail) {
  const { input_tokens, output_tokens, cost_usd } = run
  return {
    id: `${run.id}:answer`,
    role: 'assistant' as const,
    run_id: run.id,
    content: run.answer,
    parts: run.transcript,
    status: run.status,
    reason: run.reason,
    stop_reason: run.stop_reason,
    error: run.error === null ? null : { error: run.error, code: run.error_code ?? 'internal' },
    model: run.model,
    usage: { input_tokens, output_tokens, cost_usd },
    integrity: run.integrity,
    created_at: run.created_at,
    cleared: false,
  }
}
