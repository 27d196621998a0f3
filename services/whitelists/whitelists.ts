import { createAddressList } from './addresses.ts'
import type { ListDeps } from './entries.ts'
import { createFolderList, type FolderBounds } from './folders.ts'
import { createWebList } from './web.ts'

export type Whitelists = ReturnType<typeof createWhitelists>

/** The lists of the house: sites, folders, and addresses for mail. */
export function createWhitelists(deps: ListDeps & { bounds: FolderBounds }) {
  return { ...createWebList(deps), ...createFolderList(deps), ...createAddressList(deps) }
}
