import type { JSX } from 'preact'
import { useContext } from 'preact/hooks'
import { fullTime } from '../format.ts'
import { Button } from '../ui/button.tsx'
import { Icon } from '../ui/icons.tsx'
import { ChatContext } from './context.ts'
import type { UserItem } from './items.ts'
import type { StoredAttachment } from './types.ts'

const FROM: Record<string, string> = { telegram: 'by Telegram', api: 'by the API' }

/** What the owner said, as typed. */
export function UserMessage({ item }: { item: UserItem }): JSX.Element {
  return (
    <article class="said">
      <h2 class="visually-hidden">You</h2>
      <div class={`bubble ${item.state}`} dir="auto" title={fullTime(item.at)}>
        {item.attachments.length > 0 && (
          <ul class="chips plain-list">
            {item.attachments.map((file, at) => (
              <li key={at}>
                <StoredFile file={file} />
              </li>
            ))}
          </ul>
        )}
        {item.content && <p>{item.content}</p>}
      </div>
      {FROM[item.by] && <p class="muted small">{FROM[item.by]}</p>}
      <Delivery item={item} />
    </article>
  )
}

function Delivery({ item }: { item: UserItem }) {
  const chat = useContext(ChatContext)
  if (item.state === 'unsent') return <p class="muted small">Goes out when the line is back…</p>
  if (item.state !== 'failed') return null
  return (
    <div class="delivery" role="alert">
      <span class="small error-text">Not sent. {item.problem}</span>
      <Button small onClick={() => chat.resend(item.key)}>
        Send again
      </Button>
      <Button small look="quiet" onClick={() => chat.discard(item.key)}>
        Discard
      </Button>
    </div>
  )
}

function StoredFile({ file }: { file: StoredAttachment }) {
  const chat = useContext(ChatContext)
  const address = file.id ? `/api/conversations/${chat.id}/attachments/${file.id}` : undefined
  const picture = file.preview ?? (file.media_type?.startsWith('image/') ? address : undefined)
  const content = (
    <>
      {picture ? <img src={picture} alt="" /> : <Icon name="file" size={16} />}
      <span class="ellipsis">{file.name}</span>
    </>
  )
  if (!address) return <span class="chip">{content}</span>
  return (
    <a class="chip" href={address} target="_blank" rel="noopener">
      {content}
    </a>
  )
}
