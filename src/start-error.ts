/** Why a process cannot start; the message is for the operator and holds no secret. */
export class StartError extends Error {
  override readonly name: string = "StartError";
  readonly exitCode: number = 1;
}
