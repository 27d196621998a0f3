import type { JSX } from 'preact'
import { useContext, useEffect, useMemo } from 'preact/hooks'
import { Icon } from '../ui/icons.tsx'
import { Loading, Problem } from '../ui/states.tsx'
import { Answer, FaultView } from './answer.tsx'
import { ChatContext } from './context.ts'
import { useEarlier } from './earlier.ts'
import type { Item } from './items.ts'
import { useStickToEnd } from './stick.ts'
import { UserMessage } from './user-message.tsx'

/** Everything said, kept at its newest line while the reader is there, and left alone while they read above. */
export function Transcript(): JSX.Element {
  const chat = useContext(ChatContext)
  const { frame, inner, away, toEnd } = useStickToEnd()
  const items = chat.items.value
  const earlier = useEarlier(frame, items.length)
  const last = items.at(-1)
  const mine = last?.kind === 'user' && last.state !== 'sent' ? last.key : null
  useEffect(() => void (mine && toEnd()), [mine])
  return (
    <div class="transcript-frame">
      <div class="transcript" ref={frame} tabIndex={0} role="log" aria-label="Conversation" aria-live="off">
        <div class="transcript-inner" ref={inner}>
          {chat.problem.value ? <Problem error={chat.problem.value} retry={() => void chat.load()} /> : null}
          {!chat.loaded.value && !chat.problem.value && !items.length && <Loading />}
          {chat.loaded.value && !items.length && <Opening />}
          {earlier.from > 0 && (
            <button type="button" class="button small earlier" ref={earlier.button} onClick={earlier.more}>
              Earlier messages
            </button>
          )}
          {items.slice(earlier.from).map((item) => (
            <Line key={item.key} item={item} />
          ))}
        </div>
      </div>
      {away && (
        <button type="button" class="to-end" onClick={toEnd}>
          <Icon name="arrowDown" size={16} />
          Jump to newest
        </button>
      )}
    </div>
  )
}

/** A line is drawn again only when it is another object; answers watch themselves. */
function Line({ item }: { item: Item }) {
  return useMemo(() => draw(item), [item])
}

function draw(item: Item): JSX.Element {
  if (item.kind === 'user') return <UserMessage item={item} />
  if (item.kind === 'run') return <Answer item={item} />
  if (item.kind === 'notice') return <FaultView text={item.fault.error} />
  return (
    <div class="divider" role="separator">
      <span>Context cleared: what follows starts afresh</span>
    </div>
  )
}

function Opening() {
  return (
    <div class="opening">
      <h2>What shall I do?</h2>
      <p class="muted">
        Ask, or ask for something to be done. Before anything leaves the house or is changed in a way you did not ask
        for, a card like “May I?” appears.
      </p>
    </div>
  )
}
