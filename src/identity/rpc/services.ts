import { AdminService } from "../../gen/identity/v1/admin_service_pb.js";
import { DirectoryService } from "../../gen/identity/v1/directory_service_pb.js";
import { IdentityService } from "../../gen/identity/v1/identity_service_pb.js";

/** What both wires serve. */
export const SERVICES = [IdentityService, DirectoryService, AdminService] as const;
