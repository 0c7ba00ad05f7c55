import type { AvatarConfig } from "../config-avatars.ts";
import { createDiskStore } from "./avatar-disk.ts";

/** Where avatars lie, by name; it rejects with what went wrong underneath. */
export interface AvatarStore extends AsyncDisposable {
  /** All of it, or nothing. */
  put(name: string, image: Uint8Array): Promise<void>;
  /** Undefined where there is none. */
  get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** It is no error when there is none. */
  remove(name: string): Promise<void>;
}

/** The bucket, or else the folder. */
export async function openAvatarStore({ s3, dir }: AvatarConfig): Promise<AvatarStore> {
  if (!s3) return createDiskStore(dir);
  // On demand: who keeps avatars on disk needs none of it.
  return (await import("./avatar-s3.ts")).createS3Store(s3);
}
