import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AvatarStore } from "./avatar-store.ts";

/** Avatars as files of one folder, which is made when it is first needed. */
export function createDiskStore(dir: string): AvatarStore {
  const pathOf = (name: string) => join(dir, `${name}.webp`);
  return {
    put: async (name, image) => {
      await mkdir(dir, { recursive: true });
      const unfinished = join(dir, `${name}.tmp`);
      try {
        await writeFile(unfinished, image, { flag: "wx", mode: 0o644, flush: true });
        await rename(unfinished, pathOf(name));
      } catch (error) {
        await rm(unfinished, { force: true }).catch(() => {});
        throw error;
      }
    },
    get: async (name) => {
      try {
        return new Uint8Array(await readFile(pathOf(name)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
    remove: (name) => rm(pathOf(name), { force: true }),
    [Symbol.asyncDispose]: async () => {},
  };
}
