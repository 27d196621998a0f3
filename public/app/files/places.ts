export type FileEntry = { name: string; type: 'file' | 'dir'; size: number; modified_at: string }
export type Folder = { path: string; entries: FileEntry[]; next_cursor: string | null; total: number }
export type Usage = { files: number; folders: number; bytes: number; trash_bytes: number; max_upload_bytes: number }
export type Trashed = {
  id: string
  path: string
  own_path: string | null
  kind: 'file' | 'folder'
  size: number
  cause: 'overwritten' | 'deleted'
  created_at: string
  restored_at: string | null
}

/** The path of something in a folder. */
export const within = (folder: string, name: string): string => (folder === '/' ? `/${name}` : `${folder}/${name}`)

/** The folder that something is in. */
export const around = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/'

/** The page of a folder. */
export const pageOf = (path: string): string => (path === '/' ? '/files' : `/files?path=${encodeURIComponent(path)}`)

export const apiOf = (path: string): string => `/api/my/files?path=${encodeURIComponent(path)}`
export const downloadOf = (path: string): string => `/api/my/files/download?path=${encodeURIComponent(path)}`
export const zipOf = (path: string): string => `/api/my/files/download-zip?path=${encodeURIComponent(path)}`
