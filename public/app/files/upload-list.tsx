import type { JSX } from 'preact'
import { fileSize } from '../format.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { Icon } from '../ui/icons.tsx'
import { again, cancel, tidy, uploads, type Upload } from './uploads.ts'

/** What is on its way, with how far it is; absent where nothing is. */
export function UploadList(): JSX.Element | null {
  const all = uploads.value
  if (all.length === 0) return null
  const over = all.every(({ state }) => state === 'done' || state === 'failed')
  const done = all.filter(({ state }) => state === 'done').length
  return (
    <section class="uploads" aria-label="Uploads">
      <header>
        <strong role="status">
          {over ? 'Uploaded' : 'Uploading'} {done} of {all.length}
        </strong>
        {over && (
          <Button small look="quiet" onClick={tidy}>
            Done
          </Button>
        )}
      </header>
      <ul class="plain-list">
        {all.map((one) => (
          <UploadRow key={one.id} upload={one} />
        ))}
      </ul>
    </section>
  )
}

function UploadRow({ upload }: { upload: Upload }) {
  const { id, name, size, sent, state, problem } = upload
  return (
    <li class="upload">
      <div class="row-text">
        <div class="upload-name">
          <span class="ellipsis">{name}</span>
          <span class="muted small nowrap">
            {state === 'going' ? `${fileSize(Math.round(sent))} of ${fileSize(size)}` : fileSize(size)}
          </span>
        </div>
        {problem ? (
          <div class="error-text small" role="alert">
            {problem}
          </div>
        ) : (
          <progress value={size === 0 ? Number(state === 'done') : sent / size} aria-label={`Upload of ${name}`} />
        )}
      </div>
      {state === 'done' && (
        <span class="mark good">
          <Icon name="check" />
          <span class="visually-hidden">{name} has arrived</span>
        </span>
      )}
      {state === 'failed' && <IconButton label={`Try ${name} again`} icon="undo" onClick={() => again(id)} />}
      {state !== 'done' && <IconButton label={`Cancel ${name}`} icon="close" onClick={() => cancel(id)} />}
    </li>
  )
}
