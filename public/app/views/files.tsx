import type { JSX } from 'preact'
import { FolderView } from '../files/folder-view.tsx'
import { TrashList } from '../files/trash-list.tsx'
import type { PageProps } from '../routes.ts'
import { Page } from '../ui/page.tsx'

/** The reader's own files, folder by folder, and the trash. */
export function FilesPage({ query }: PageProps): JSX.Element {
  const inTrash = query.get('view') === 'trash'
  return (
    <Page
      title="Files"
      intro={
        <>
          Your own folder. Your agents may read it; what is in it counts as written by others. Further folders of this
          machine are opened under <a href="/settings/whitelists">Whitelists</a>.
        </>
      }
    >
      <nav class="subpages" aria-label="Files and trash">
        <a href="/files" aria-current={inTrash ? undefined : 'page'}>
          My files
        </a>
        <a href="/files?view=trash" aria-current={inTrash ? 'page' : undefined}>
          Trash
        </a>
      </nav>
      {inTrash ? <TrashList /> : <FolderView path={query.get('path') || '/'} />}
    </Page>
  )
}
